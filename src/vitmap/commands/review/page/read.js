// Reading: the blocks of JSON in this page, each picture's only when it is shown.
const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const sheet = read("sheet");
// A score that is no number is neither good nor defective.
const judged = ({ verdict, score }) => (["good", "defect"].includes(verdict) && !(Number.isFinite(score) && Number.isFinite(sheet.threshold)) ? "not judged" : verdict);
const index = read("index").map((row, i) => ({ ...row, verdict: judged(row), i }));
const CACHED = 80;
const pictures = new Map();

const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const colors = bytesOf(sheet.colors);

function picture(i) {
  if (index[i].verdict === "failed") return null;
  let found = pictures.get(i);
  if (found) pictures.delete(i);
  else {
    found = read(`picture-${i}`);
    found.heat = new Float32Array(bytesOf(found.heat).buffer);
    found.thumb = `data:image/jpeg;base64,${found.thumb}`;
    found.xs = edges(found.size[0], found.grid[0]);
    found.ys = edges(found.size[1], found.grid[1]);
  }
  pictures.set(i, found);
  if (pictures.size > CACHED) pictures.delete(pictures.keys().next().value);
  return found;
}

// The first pixel of each patch and the end of the last: a pixel belongs to the patch under its centre.
function edges(pixels, patches) {
  const at = (k) => Math.max(0, Math.ceil((2 * pixels * k - patches) / (2 * patches)));
  return Int32Array.from({ length: patches + 1 }, (_, k) => Math.min(pixels, at(k)));
}

// The patches that a threshold keeps: the same numbers in the same order as the exports took.
function kept(heat, kind, value) {
  const mask = new Uint8Array(heat.length);
  if (kind === "level") {
    const level = Math.fround(value);
    for (let n = 0; n < heat.length; n++) mask[n] = heat[n] >= level;
    return mask;
  }
  const order = Array.from(heat.keys()).sort((a, b) => Math.max(heat[b], 0) - Math.max(heat[a], 0));
  const sums = new Float64Array(heat.length);
  let sum = 0;
  for (let n = heat.length - 1; n >= 0; n--) sums[heat.length - 1 - n] = sum += Math.max(heat[order[n]], 0);
  if (!(sum > 0)) return mask;
  const allowed = (1 - value) * (1 + 1e-12) * sum;
  let dropped = 0;
  while (dropped < sums.length && sums[dropped] <= allowed) dropped++;
  for (let n = 0; n < heat.length - dropped; n++) mask[order[n]] = 1;
  return mask;
}

// The place of a value among the 255 colours of the scale; 255 is above it.
function level(value) {
  const [low, high] = sheet.limits;
  if (value > Math.fround(high)) return 255;
  return Math.max(0, Math.min(254, Math.floor((value - low) * (255 / (high - low || 1)))));
}

const short = (value) => String(Number(Number(value).toPrecision(3)));
const inUnit = (value) => (sheet.unit.startsWith("×") ? `${short(value)}×` : short(value));
