// Reading: the blocks of this page, each only when it is needed, and float16 as numbers.
const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const about = read("about");
const photos = about.photos.map((photo, i) => ({ ...photo, i, stored: new Map(), layers: new Map() }));

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let n = 0; n < letters.length; n++) bytes[n] = letters.charCodeAt(n);
  return bytes;
}

const floats = (text) => new Float32Array(bytesOf(text).buffer);

// Every float16 there is, as a float32: sign, five bits of exponent, ten of fraction.
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const [sign, power, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (power === 31) return fraction ? NaN : sign * Infinity;
  return sign * (power ? 2 ** (power - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
});

function numbersOf(text, precision) {
  if (precision === "float32") return floats(text);
  const halves = new Uint16Array(bytesOf(text).buffer);
  const numbers = new Float32Array(halves.length);
  for (let n = 0; n < halves.length; n++) numbers[n] = HALVES[halves[n]];
  return numbers;
}

// A layer's queries and keys; its block is dropped from the page once it has been read.
function layerOf(photo, place) {
  let found = photo.layers.get(place);
  if (found) return found;
  const block = $(`layer-${photo.i}-${place}`);
  found = JSON.parse(block.textContent);
  block.remove();
  found.query = numbersOf(found.query, found.precision);
  found.key = numbersOf(found.key, found.precision);
  for (const name of ["offsets", "columns"]) if (found[name]) found[name] = floats(found[name]);
  photo.layers.set(place, found);
  return found;
}

// The rows of a query that the page holds as the model gave them: layer by layer, head by head.
function storedOf(photo, query) {
  let found = photo.stored.get(query);
  if (found) return found;
  const all = floats(read(`rows-${photo.i}-${query}`));
  found = split(all, photo.prefix.length + photo.grid[0] * photo.grid[1]);
  photo.stored.set(query, found);
  return found;
}

function split(all, width) {
  return Array.from({ length: all.length / width }, (_, n) => all.subarray(n * width, (n + 1) * width));
}

// What is not needed yet is read while nothing else happens, so that no click waits for it.
function readAhead() {
  const waiting = photos.flatMap((photo) => about.layers.map((_, place) => [photo, place]));
  const idle = window.requestIdleCallback || ((act) => setTimeout(() => act({ timeRemaining: () => 9 }), 30));
  const step = (time) => {
    do {
      const next = waiting.shift();
      if (next) layerOf(...next);
    } while (waiting.length && time.timeRemaining() > 8);
    if (waiting.length) return idle(step);
    for (let n = 0; n < 3; n++) computed(photos[0], 0, 0); // a browser compiles what it has run before
    document.documentElement.dataset.ready = "yes";
  };
  idle(step);
}
