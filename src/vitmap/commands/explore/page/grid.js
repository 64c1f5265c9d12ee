// Grid: a small map for every layer and head; the chosen one is framed.
const MARKS = { sink: "S", border: "B", prefix: "P" };
const BRIEF = { sink: "sink: one patch takes much", border: "border: the outermost patches take much", prefix: "prefix: tokens that are no part of the photo take most" };
let cells = []; // { place, head, button, maps: [{ photo, canvas, mark }], look, rank }

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text; // text, whatever it holds
  return made;
}

const gridPhotos = () => (state.grid === "both" ? photos : [photos[state.grid]]);
const pools = () => state.queries[0] === "pool";

function buildGrid() {
  const shown = gridPhotos();
  const heads = headsOf(state.queries[0]);
  const places = placesOf(state.queries[0]);
  const grid = $("grid");
  cells = [];
  const top = element("div", "row");
  top.setAttribute("role", "row");
  const names = Array.from({ length: heads }, (_, head) => {
    const name = element("span", "column", `H${head}`);
    name.setAttribute("role", "columnheader");
    return name;
  });
  top.append(element("span", "corner", ""), ...names);
  const rows = places.map((place) => {
    const row = element("div", "row");
    row.setAttribute("role", "row");
    const name = element("span", "line", pools() ? "pool" : `L${about.layers[place]}`);
    name.setAttribute("role", "rowheader");
    row.append(name, ...Array.from({ length: heads }, (_, head) => cellOf(place, head, shown)));
    return row;
  });
  grid.style.setProperty("--heads", heads);
  grid.replaceChildren(top, ...rows);
  grid.dataset.kind = `${pools()} ${state.grid}`;
  sizeGrid();
}

function cellOf(place, head, shown) {
  const button = element("button", "cell");
  button.type = "button";
  button.setAttribute("role", "gridcell");
  const maps = shown.map((photo) => {
    const canvas = canvasOf(...photo.grid);
    const holder = element("span", "map");
    holder.style.setProperty("--aspect", photo.size[0] / photo.size[1]);
    const mark = element("span", "mark");
    holder.append(canvas, mark);
    button.append(holder);
    return { photo, canvas, mark, pixels: new ImageData(...photo.grid) };
  });
  const [rank, look] = [element("span", "rank"), element("span", "look")];
  button.append(rank, look);
  button.addEventListener("click", () => choose(place, head));
  const cell = { place, head, button, maps, look, rank };
  cells.push(cell);
  return button;
}

// Cells as large as lets the whole grid be seen, with what is said of the marks beside or below it.
const [FINDER, LEAST] = [224, 34]; // pixels: its width, and that of a cell where there is room
function sizeGrid() {
  const shown = gridPhotos();
  const heads = headsOf(state.queries[0]);
  const lines = placesOf(state.queries[0]).length;
  const aspects = shown.reduce((sum, { size: [width, height] }) => sum + width / height, 0);
  const wide = window.matchMedia("(min-width: 1001px)").matches;
  const top = $("body").getBoundingClientRect().top + window.scrollY;
  const flat = Math.min(14, 60 / (aspects / shown.length)); // lower than that only a panorama's
  const sized = (taken, below) => {
    const across = ($("body").clientWidth - taken - 42) / heads - 3 - 2 * (shown.length - 1);
    const down = wide ? (Math.max(560, window.innerHeight) - top - 24 - below) / lines - 3 : 90;
    // A grid of many layers is rather scrolled than drawn with maps in which nothing can be seen.
    const least = Math.min(across / aspects, LEAST / Math.max(aspects, Math.sqrt(aspects)));
    return [Math.max(flat, least, Math.min(across / aspects, down, 160)), least > down];
  };
  const [[beside], [below, scrolls]] = [wide ? sized(FINDER + 14, 46) : [0], sized(0, 262)];
  const height = Math.max(beside, below);
  $("body").classList.toggle("beside", beside >= below);
  $("body").classList.toggle("scrolls", wide && scrolls && beside < below); // else it would be out of sight
  $("grid").style.setProperty("--h", `${height.toFixed(2)}px`);
  $("grid").style.setProperty("--across", aspects); // print makes the cells anew
  $("grid").classList.toggle("small", height * aspects < 44 || height < 26);
  $("grid").classList.toggle("flat", height < 21); // its two numbers stand side by side
}

// Limits of colour by the scale's name; those that maps share are worked out once an answer.
let shared = new Map();
function limitsOf(photo, query, place, head) {
  if (state.scale === "cell") return ownLimits(patchesOf(photo, rowOf(photo, query, place, head)));
  const name = { layer: `layer ${place}`, image: `image ${photo.i}`, run: "run" }[state.scale];
  if (!shared.has(name)) {
    const all = state.scale === "image" ? [photo] : photos;
    const maps = all.flatMap((one) => {
      const asked = state.queries[one.i];
      const own = state.scale === "layer" && asked !== "pool";
      const rows = answer(one, asked);
      return (own ? rows.slice(place * about.heads, (place + 1) * about.heads) : rows).map((row) => patchesOf(one, row));
    });
    shared.set(name, { low: 0, high: upperOf(maps), marks: true });
  }
  return shared.get(name);
}

function drawGrid() {
  if ($("grid").dataset.kind !== `${pools()} ${state.grid}`) buildGrid();
  const bytes = COLORS[state.colormap];
  const colors = Uint32Array.from({ length: 256 }, (_, n) => (255 << 24) | (bytes[3 * n + 2] << 16) | (bytes[3 * n + 1] << 8) | bytes[3 * n]);
  for (const { place, head, button, maps } of cells) {
    const found = [];
    for (const { photo, canvas, mark, pixels } of maps) {
      const query = state.queries[photo.i];
      const row = rowOf(photo, query, place, head);
      const values = patchesOf(photo, row);
      const limits = limitsOf(photo, query, place, head);
      const words = new Uint32Array(pixels.data.buffer);
      for (let n = 0; n < values.length; n++) words[n] = colors[level(Math.fround(values[n] * values.length), limits)];
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      const alarms = alarmsOf(photo, row, query);
      mark.textContent = alarms.map(({ kind }) => MARKS[kind]).join("");
      found.push(alarms.map((alarm) => alarm.mark).join(", "));
    }
    const said = found.map((text, n) => text && (maps.length > 1 ? `photo ${"AB"[n]}: ${text}` : text)).filter(Boolean);
    const name = pools() ? `pooling head ${head}` : `layer ${about.layers[place]} head ${head}`;
    button.dataset.alarms = found.join("|");
    button.dataset.name = said.length ? `${name}; ${said.join("; ")}` : name;
    button.setAttribute("aria-label", button.dataset.name);
    button.title = `${labelOf(state.queries[0], place, head)}${said.length ? `: ${said.join("; ")}` : ""}`;
  }
  drawChosen();
  drawLooks();
}

function drawChosen() {
  for (const { place, head, button } of cells) {
    const chosen = head === headOf(state.queries[0]) && (pools() || place === state.place);
    button.setAttribute("aria-selected", chosen);
    button.tabIndex = chosen ? 0 : -1;
  }
}

// Which head looks at the marked parts: the mean over the photos that have any, the highest first.
// Heads whose map carries a mark stand apart: a sink on a wheel may be chance. Those that lie on the
// part no more than an even spread would are named by none.
function looks() {
  const marked = photos.filter((photo) => state.boxes[photo.i].length);
  const parts = marked.map((photo) => partOf(photo, state.boxes[photo.i]));
  if (!marked.length) return null;
  const places = placesOf(state.queries[0]);
  const found = places.flatMap((place) => Array.from({ length: headsOf(state.queries[0]) }, (_, head) => {
    const each = marked.map((photo, n) => lookAt(patchesOf(photo, rowOf(photo, state.queries[photo.i], place, head)), parts[n]));
    const mean = (name) => each.reduce((sum, one) => sum + one[name], 0) / each.length;
    const alarms = marked.flatMap((photo) => alarmsOf(photo, rowOf(photo, state.queries[photo.i], place, head), state.queries[photo.i]));
    return { place, head, times: mean("times"), share: mean("share"), alarms };
  }));
  found.sort((a, b) => b.times - a.times);
  const [clear, doubtful] = [found.filter(({ alarms }) => !alarms.length), found.filter(({ alarms }) => alarms.length)];
  const best = clear.filter(({ times }) => times > 1).slice(0, BEST);
  const least = best.length < BEST ? 1 : best[BEST - 1].times; // a doubtful one is named where it would have stood among them
  return { marked, parts, all: found, best, doubtful: doubtful.filter(({ times }) => times > least).slice(0, DOUBTFUL) };
}

const [BEST, DOUBTFUL] = [6, 3];
function drawLooks() {
  const found = looks();
  const ranks = new Map(found ? found.all.map((one) => [`${one.place} ${one.head}`, { ...one, n: found.best.indexOf(one) + 1 }]) : []);
  for (const { place, head, button, look, rank } of cells) {
    const one = ranks.get(`${place} ${head}`);
    look.textContent = one ? `${one.times.toFixed(one.times < 9.95 ? 1 : 0)}×` : "";
    rank.textContent = one?.n ? String(one.n) : "";
    button.setAttribute("aria-label", one ? `${button.dataset.name}; looks at the part ${short(one.times, 2)} times uniform${one.n ? `, place ${one.n}` : ""}` : button.dataset.name);
  }
  $("grid").classList.toggle("ranked", Boolean(found));
  sayLooks(found);
}
