// Measure: what is read off a row, in the same numbers and the same order as `vitmap` takes them.
const patchesOf = (photo, row) => row.subarray(photo.prefix.length);

function total(values) {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n];
  return sum;
}

// The fewest patches that hold a share of the patches' mass; among equal ones, in reading order.
function kept(values, share) {
  const mask = new Uint8Array(values.length);
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
  const sums = new Float64Array(values.length);
  let sum = 0;
  for (let n = values.length - 1; n >= 0; n--) sums[values.length - 1 - n] = sum += values[order[n]];
  const allowed = (1 - share) * (1 + 1e-12) * sum;
  let dropped = 0;
  while (dropped < sums.length && sums[dropped] <= allowed) dropped++;
  for (let n = 0; n < values.length - dropped; n++) mask[order[n]] = 1;
  return mask;
}

// The upper end of a scale: a percentile of all patches drawn on it, in multiples of uniform. The
// value at that place in order is found by its leading bits: a float that is not negative is in the
// order of its bits, and sorting everything would take longer than all the rest of an answer.
function upperOf(maps) {
  const all = new Float32Array(maps.reduce((sum, values) => sum + values.length, 0));
  let at = 0;
  for (const values of maps) for (let n = 0; n < values.length; n++) all[at++] = values[n] * values.length;
  const bits = new Uint32Array(all.buffer);
  const counts = new Uint32Array(65536);
  for (let n = 0; n < bits.length; n++) counts[bits[n] >>> 16]++;
  let place = Math.ceil((about.percentile / 100) * (all.length - 1));
  let lead = 0;
  while (place >= counts[lead]) place -= counts[lead++];
  return all.filter((_, n) => bits[n] >>> 16 === lead).sort()[place] || 1;
}

function ownLimits(values) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = 0; n < values.length; n++) {
    const value = Math.fround(values[n] * values.length);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high, marks: false };
}

// The place of a value (in multiples of uniform) among 255 colours; 255 is above the scale.
function level(value, { low, high, marks }) {
  if (marks && value > high) return 255;
  const step = Math.fround(255 / (high - low || 1));
  const place = Math.fround(Math.fround(value - low) * step);
  return place < 0 ? 0 : place > 254 ? 254 : Math.trunc(place);
}

function peakOf(values) {
  let best = 0;
  for (let n = 1; n < values.length; n++) if (values[n] > values[best]) best = n;
  return best;
}

// The alarms of a map: shares and limits as `vitmap.sinks` has them; a patch that asks is no sink.
function alarmsOf(photo, row, query) {
  const values = patchesOf(photo, row);
  const [gx, gy] = photo.grid;
  const sum = total(values);
  const asking = isPatch(query) ? patchOf(photo, query)[0] * gx + patchOf(photo, query)[1] : -1;
  let [inner, sink] = [0, 0];
  for (let y = 0, n = 0; y < gy; y++) {
    for (let x = 0; x < gx; x++, n++) {
      if (x > 0 && y > 0 && x < gx - 1 && y < gy - 1) inner += values[n] / sum;
      if (n !== asking && values[n] > sink) sink = values[n];
    }
  }
  const shares = {
    sink: sum > 0 ? sink / sum : 0,
    border: sum > 0 ? 1 - inner : 0,
    prefix: total(row.subarray(0, photo.prefix.length)),
  };
  return Object.keys(shares)
    .filter((kind) => shares[kind] >= photo.limits[kind])
    .map((kind) => ({ kind, share: shares[kind], mark: `${kind} ${(100 * shares[kind]).toFixed(0)}%`, meaning: about.alarms[kind] }));
}

// The patches of the marked parts: each once, however many parts cover it.
function partOf(photo, boxes) {
  const inside = new Set();
  for (const [top, left, bottom, right] of boxes) {
    for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) inside.add(y * photo.grid[0] + x);
  }
  return [...inside];
}

// How much a map lies on a part, as `vitmap compare` counts it: the share of its mass on patches,
// and that over the part's share of the patches.
function lookAt(values, part) {
  const sum = total(values);
  let inside = 0;
  for (const n of part) inside += values[n];
  const share = sum > 0 ? inside / sum : 0;
  return { share, times: (share * values.length) / part.length };
}
