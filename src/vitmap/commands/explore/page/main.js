// Main: what clicks, sliders and keys do.
const say = (text) => ($("said").textContent = text);
let took = 0; // milliseconds that the last answer took, drawing included

function drawPhotos() {
  photos.forEach(drawPhoto);
}

// Everything anew: after another query, or another state as a whole.
function drawAll() {
  const from = performance.now();
  shared = new Map();
  drawControls();
  drawGrid();
  drawPhotos();
  sayFound();
  writeHash();
  took = performance.now() - from;
}

function ask(photo, query) {
  const others = isPatch(query) ? state.queries.map((old, i) => (i === photo.i ? query : old === "pool" ? query0(photos[i]) : old)) : photos.map(() => query);
  state.queries = others;
  state.active = photo.i;
  agreed(state);
  drawAll();
  say(`${nameOf(query)} asks`);
}

// What a photo goes back to when the other one is asked by a patch, which no pooling query can follow.
const query0 = (photo) => (photo.start === "pool" ? "mean" : photo.start);

function choose(place, head) {
  if (!pools()) state.place = place;
  state.head = head;
  drawChosen();
  drawPhotos();
  sayFound();
  writeHash();
}

function redraw() {
  drawControls();
  drawPhotos();
  sayFound();
  writeHash();
}

function keepMark(adds) {
  if (!marking) return;
  const { i, box } = marking;
  state.boxes[i] = adds ? [...state.boxes[i], box] : [box];
  stopMarking();
  redraw();
  drawLooks();
}

function startMarking() {
  const photo = photos[state.active];
  const [gx, gy] = photo.grid;
  const [across, down] = [Math.max(1, Math.round(gx / 5)), Math.max(1, Math.round(gy / 5))];
  const [top, left] = [Math.floor((gy - down) / 2), Math.floor((gx - across) / 2)];
  marking = { i: photo.i, box: [top, left, top + down - 1, left + across - 1] };
  document.body.classList.add("marking");
  const how = "Marking a part: arrows move it, Shift and arrows size it, Enter keeps it, Escape drops it; or drag a box.";
  $("under").textContent = how;
  say(how);
  redraw();
}

function stopMarking() {
  marking = null;
  $("under").textContent = "";
  document.body.classList.remove("marking");
  drawControls();
}

function moveMark(dx, dy, sizes) {
  const [gx, gy] = photos[marking.i].grid;
  let [top, left, bottom, right] = marking.box;
  if (sizes) [bottom, right] = [Math.max(top, bottom + dy), Math.max(left, right + dx)];
  else [top, left, bottom, right] = [top + dy, left + dx, bottom + dy, right + dx];
  if (top < 0 || left < 0 || bottom >= gy || right >= gx) return;
  marking.box = [top, left, bottom, right];
  drawPhotos();
}

function clearMarks() {
  state.boxes = photos.map(() => []);
  redraw();
  drawLooks();
}

function moveCell(dx, dy) {
  const heads = headsOf(state.queries[0]);
  const lines = pools() ? 1 : about.layers.length;
  choose(Math.max(0, Math.min(lines - 1, state.place + dy)), Math.max(0, Math.min(heads - 1, headOf(state.queries[0]) + dx)));
  const cell = cells.find(({ button }) => button.getAttribute("aria-selected") === "true");
  if (document.activeElement?.classList.contains("cell")) cell.button.focus();
  cell.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  say(cell.button.getAttribute("aria-label"));
}

// The patch beside the one that asks; where none does, the walk begins at the hottest patch.
function moveAsking(dx, dy) {
  const photo = photos[state.active];
  const query = state.queries[photo.i];
  const [gx, gy] = photo.grid;
  if (!isPatch(query)) {
    const peak = peakOf(viewOfCached(photo).values);
    return ask(photo, queryAt(photo, Math.floor(peak / gx), peak % gx));
  }
  const [row, column] = patchOf(photo, query);
  ask(photo, queryAt(photo, Math.max(0, Math.min(gy - 1, row + dy)), Math.max(0, Math.min(gx - 1, column + dx))));
}

function askNext(kind) {
  const known = about.queries.map(({ key }) => key).filter((key) => key.split(":")[0] === kind);
  if (!known.length) return say(`This model has no ${kind} token`);
  const at = known.indexOf(state.queries[state.active]);
  ask(photos[state.active], known[(at + 1) % known.length]);
}

function set(name, value, whole = false) {
  state[name] = value;
  if (whole) drawAll();
  else redraw();
}

const next = (list, value) => list[(list.indexOf(value) + 1) % list.length];
const nudge = (name, step, least) => set(name, Math.max(least, Math.min(1, Number((state[name] + step).toFixed(2)))));

function chip(text, pressed, act, title = "") {
  const made = element("button", "", text);
  made.type = "button";
  made.title = title;
  made.setAttribute("aria-pressed", pressed);
  made.addEventListener("click", act);
  return made;
}

function drawControls() {
  const asked = state.queries[state.active];
  const focused = document.activeElement?.dataset?.query;
  const chips = about.queries.map(({ key, name, short: text }) => {
    const made = chip(text, state.queries.every((query) => query === key), () => ask(photos[state.active], key), name);
    made.dataset.query = key;
    return made;
  });
  // There from the beginning: were it to come with a click, the photo would move under the pointer.
  const shown = isPatch(asked) ? asked : state.queries.find(isPatch);
  const [x, y] = shown ? shown.slice(6).split(",").map((text) => rounded(Number(text))) : [];
  const text = shown ? `patch ${x}, ${y} px` : "a patch: click one";
  const made = chip(text, Boolean(shown), () => shown || moveAsking(0, 0), shown ? `as --query ${shown}` : "");
  made.dataset.query = "patch";
  made.className = "patch";
  chips.push(made);
  $("queries").replaceChildren(...chips);
  if (focused) chips.find((made) => made.dataset.query === focused)?.focus();
  $("threshold").value = 100 * state.keep;
  $("threshold-said").textContent = held();
  $("opacity").value = 100 * state.opacity;
  $("opacity-said").textContent = percent(state.opacity);
  for (const name of ["show", "colormap", "scale"]) $(name).value = state[name];
  $("gray").checked = state.gray;
  $("mark").setAttribute("aria-pressed", Boolean(marking));
  $("mark").firstChild.textContent = marking ? "Keep the part " : "Mark a part ";
  $("mark").lastElementChild.textContent = marking ? "⏎" : "B";
  for (const made of $("shown").children) made.setAttribute("aria-pressed", made.dataset.grid === state.grid);
  sayScale();
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const WALK = { h: "ArrowLeft", l: "ArrowRight", k: "ArrowUp", j: "ArrowDown" };
const KEYS = {
  c: () => askNext("cls"), m: () => askNext("mean"), r: () => askNext("register"),
  d: () => askNext("distillation"), p: () => askNext("pool"),
  "[": () => nudge("keep", -0.05, 0.05), "]": () => nudge("keep", 0.05, 0.05),
  o: () => nudge("opacity", -0.1, 0), O: () => nudge("opacity", 0.1, 0),
  t: () => set("show", next(SHOWS, state.show)), g: () => set("gray", !state.gray),
  s: () => set("scale", next(about.scales.map(({ name }) => name), state.scale), true),
  v: () => set("colormap", next(Object.keys(about.colors), state.colormap), true),
  b: startMarking, x: clearMarks,
  1: () => set("active", 0), 2: () => photos[1] && set("active", 1),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const choosing = target.matches("select") || (target.matches("input[type=range]") && key.startsWith("Arrow"));
  if (choosing || event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  let act = KEYS[key] || KEYS[key.toLowerCase()];
  const step = STEPS[key] || STEPS[WALK[key.toLowerCase()]];
  if (marking && step) act = () => moveMark(...step, event.shiftKey);
  else if (step) act = () => (STEPS[key] && !event.shiftKey ? moveCell(...step) : moveAsking(...step));
  if (marking && key === "Enter") act = () => keepMark(true);
  if (marking && key === "Escape") act = () => { stopMarking(); redraw(); };
  if (!act) return;
  event.preventDefault();
  act();
});

function buildControls() {
  $("colormap").replaceChildren(...Object.keys(about.colors).map((name) => new Option(name, name)));
  $("scale").replaceChildren(...about.scales.map(({ name }) => new Option(name, name)));
  const shown = photos.length > 1 ? [["both", "A and B"], ["0", "A"], ["1", "B"]] : [];
  $("shown").replaceChildren(...shown.map(([grid, text]) => {
    const made = chip(text, false, () => set("grid", grid, true));
    made.dataset.grid = grid;
    return made;
  }));
  $("threshold").addEventListener("input", () => set("keep", Number($("threshold").value) / 100));
  $("opacity").addEventListener("input", () => set("opacity", Number($("opacity").value) / 100));
  $("show").addEventListener("change", () => set("show", $("show").value));
  $("gray").addEventListener("change", () => set("gray", $("gray").checked));
  for (const name of ["colormap", "scale"]) $(name).addEventListener("change", () => set(name, $(name).value, true));
  $("mark").addEventListener("click", () => (marking ? keepMark(true) : startMarking()));
  $("clear").addEventListener("click", clearMarks);
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("save-csv").addEventListener("click", () => save(asCsv(false), "csv"));
  $("save-all").addEventListener("click", () => save(asCsv(true), "all.csv"));
  $("save-png").addEventListener("click", async () => save(await asPicture(), "png"));
  window.addEventListener("hashchange", () => {
    if (location.hash === written) return;
    state = fromHash(location.hash);
    drawAll();
  });
  window.addEventListener("resize", sizeGrid);
}

function sayOnce() {
  document.title = `Explore: ${photos.map(({ name }) => name).join(", ")}`;
  $("title").textContent = photos.map(({ name }) => name).join(" and ");
  const grids = [...new Set(photos.map(({ grid: [gx, gy] }) => `${gx} × ${gy} ${gx * gy === 1 ? "patch" : "patches"}`))].join(" and ");
  const kept = about.layers.length < about.depth ? `${about.layers.length} of ${counted(about.depth, "layer")}` : counted(about.depth, "layer");
  $("subtitle").textContent = [about.model, `${kept} × ${counted(about.heads, "head")}`, grids, ...about.remarks].join(" · ");
  $("caveat").textContent = about.caveat;
  $("exact").textContent = about.exact;
  $("marks").textContent = `Marks on maps: ${Object.keys(MARKS).map((kind) => `${MARKS[kind]} ${BRIEF[kind]}`).join(" · ")}.`;
  $("help-alarms").textContent = Object.keys(MARKS).map((kind) => `${MARKS[kind]}, ${kind}, from ${photos.map(({ limits }) => (limits[kind] > 1 ? "never on so small a grid" : percent(limits[kind]))).filter((text, n, all) => all.indexOf(text) === n).join(" or ")}: ${about.alarms[kind]}`).join(" ");
  $("help-scales").textContent = about.scales.map(({ name, meaning }) => `${name}: ${meaning}.`).join(" ");
}

const checked = (i, query) => {
  if (!photos[i] || !knows(photos[i], query)) throw new RangeError(`no photo ${i}, or it has no query ${query}`);
  return photos[i];
};
const picked = (i, query, layer, head) => {
  const place = query === "pool" ? 0 : about.layers.indexOf(layer);
  if (place < 0 || !(head >= 0 && head < headsOf(query))) throw new RangeError(`no layer ${layer} head ${head} here`);
  return rowOf(checked(i, query), query, place, head);
};
window.vitmap = {
  rows: (i, query, layer, head) => picked(i, query, layer, head).slice(),
  prefix: (i) => [...photos[i].prefix],
  kept: (i, query, layer, head, share = state.keep) => kept(patchesOf(photos[i], picked(i, query, layer, head)), share),
  alarms: (i, query, layer, head) => alarmsOf(photos[i], picked(i, query, layer, head), query),
  limits: (i, layer) => limitsOf(photos[i], state.queries[i], about.layers.indexOf(layer), headOf(state.queries[i])),
  state: () => structuredClone(state),
  took: () => took,
};

async function begin() {
  state = fromHash(location.hash);
  buildControls();
  sayOnce();
  buildPhotos();
  await Promise.all(photos.map(loadPhoto));
  drawAll();
  document.documentElement.dataset.shown = "yes";
  readAhead();
}
begin();
