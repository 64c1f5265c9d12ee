// Rows: what a token attends to, for every layer and head, as the model's own softmax has it.
const answers = new Map(); // photo and query → rows, the latest last
const ANSWERS = 12;

const isPatch = (query) => query.startsWith("patch:");
const POINT = /^patch:(\d{1,9}(?:\.\d{1,9})?),(\d{1,9}(?:\.\d{1,9})?)$/;

// The patch under a point of the photo, in the photo's pixels.
function patchOf(photo, query) {
  const [x, y] = (POINT.exec(query) || []).slice(1).map(Number);
  const [[width, height], [gx, gy]] = [photo.size, photo.grid];
  if (!(x >= 0 && y >= 0 && x < width && y < height)) return null;
  return [Math.floor((y * gy) / height), Math.floor((x * gx) / width)];
}

function queryAt(photo, row, column) {
  const [[width, height], [gx, gy]] = [photo.size, photo.grid];
  const middle = (k, pixels, patches) => Number((((k + 0.5) * pixels) / patches).toFixed(2));
  return `patch:${middle(column, width, gx)},${middle(row, height, gy)}`;
}

const knows = (photo, query) => (isPatch(query) ? patchOf(photo, query) !== null : about.queries.some((q) => q.key === query));
const placesOf = (query) => (query === "pool" ? [about.layers.length] : about.layers.map((_, place) => place));
const headsOf = (query) => (query === "pool" ? about.poolHeads : about.heads);

// Rows in the order layer, head; each over all tokens, prefix tokens first.
function answer(photo, query) {
  const name = `${photo.i} ${query}`;
  let rows = answers.get(name);
  if (rows) answers.delete(name);
  else if (isPatch(query)) rows = computed(photo, ...patchOf(photo, query));
  else rows = storedOf(photo, query);
  answers.set(name, rows);
  if (answers.size > ANSWERS) answers.delete(answers.keys().next().value);
  return rows;
}

function rowOf(photo, query, place, head) {
  const rows = answer(photo, query);
  return rows[(query === "pool" ? 0 : place) * headsOf(query) + head];
}

function computed(photo, row, column) {
  const [gx, gy] = photo.grid;
  const [first, patches] = [photo.prefix.length, gx * gy];
  const tokens = first + patches;
  const asking = first + row * gx + column;
  const all = new Float32Array(about.layers.length * about.heads * tokens);
  const scores = new Float64Array(tokens);
  for (let place = 0, to = 0; place < about.layers.length; place++) {
    const layer = layerOf(photo, place);
    const { key, query, dim } = layer;
    for (let head = 0; head < about.heads; head++, to += tokens) {
      const from = (head * tokens + asking) * dim;
      for (let token = 0, k = head * tokens * dim; token < tokens; token++, k += dim) {
        let a = 0, b = 0, c = 0, d = 0; // four sums at a time: one would wait for itself
        for (let n = 0; n + 3 < dim; n += 4) {
          a += query[from + n] * key[k + n];
          b += query[from + n + 1] * key[k + n + 1];
          c += query[from + n + 2] * key[k + n + 2];
          d += query[from + n + 3] * key[k + n + 3];
        }
        for (let n = dim - (dim % 4); n < dim; n++) a += query[from + n] * key[k + n];
        scores[token] = a + b + (c + d);
      }
      if (layer.offsets) addBias(scores, layer, head, row, column, photo);
      softmax(scores, all, to);
    }
  }
  return split(all, tokens);
}

// A model with relative positions adds to a score what its table has for that distance.
function addBias(scores, layer, head, row, column, photo) {
  const [gx, gy] = photo.grid;
  const first = photo.prefix.length;
  const asking = first + row * gx + column;
  for (let p = 0; p < first; p++) scores[p] += layer.columns[(head * scores.length + asking) * first + p];
  const [down, across] = [2 * gy - 1, 2 * gx - 1];
  for (let y = 0, token = first; y < gy; y++) {
    const from = (head * down + y - row + gy - 1) * across - column + gx - 1;
    for (let x = 0; x < gx; x++, token++) scores[token] += layer.offsets[from + x];
  }
}

function softmax(scores, all, to) {
  let top = -Infinity;
  for (let n = 0; n < scores.length; n++) if (scores[n] > top) top = scores[n];
  let sum = 0;
  for (let n = 0; n < scores.length; n++) sum += scores[n] = Math.exp(scores[n] - top);
  for (let n = 0; n < scores.length; n++) all[to + n] = scores[n] / sum;
}
