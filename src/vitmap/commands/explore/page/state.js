// State: what is shown; it stands in the address, so that a link brings it back.
const SHOWS = ["outline", "cut-out", "nothing"];
const PARTS = 50; // marks that an address may bring, of a photo
const plain = () => ({
  place: about.layers.length - 1,
  head: 0,
  queries: photos.map((photo) => photo.start),
  boxes: photos.map(() => []),
  keep: about.threshold,
  show: "outline",
  opacity: 0.8,
  gray: true,
  colormap: about.colormap,
  scale: about.scales[about.scales.length - 1].name,
  active: 0,
  grid: photos.length > 1 && about.heads <= 8 ? "both" : "0",
});
let state = plain();

// The cell that is shown of a photo: a pooling query has a row of heads of its own.
const headOf = (query) => Math.min(state.head, headsOf(query) - 1);
const labelOf = (query, place = state.place, head = headOf(query)) => (query === "pool" ? `pool H${head}` : `L${about.layers[place]} H${head}`);

function asHash() {
  const fields = new URLSearchParams();
  fields.set("cell", `L${about.layers[state.place]}H${state.head}`);
  photos.forEach((_, i) => fields.set(`query${i}`, state.queries[i]));
  for (const name of ["keep", "show", "opacity", "colormap", "scale", "grid"]) fields.set(name, state[name]);
  if (!state.gray) fields.set("gray", "no");
  if (state.active) fields.set("active", state.active);
  photos.forEach((_, i) => state.boxes[i].length && fields.set(`part${i}`, state.boxes[i].map((box) => box.join("-")).join("_")));
  return `#${fields.toString().replaceAll("%3A", ":").replaceAll("%2C", ",")}`;
}

// What the address asks for; what it asks for that cannot be stays as it is without it.
function fromHash(text) {
  const fields = new URLSearchParams(text.replace(/^#/, ""));
  const found = plain();
  const cell = /^L(\d+)H(\d+)$/.exec(fields.get("cell") || "");
  if (cell && about.layers.includes(Number(cell[1]))) found.place = about.layers.indexOf(Number(cell[1]));
  if (cell && Number(cell[2]) < Math.max(about.heads, about.poolHeads)) found.head = Number(cell[2]);
  photos.forEach((photo, i) => {
    const query = fields.get(`query${i}`);
    if (query && knows(photo, query)) found.queries[i] = query;
    const boxes = (fields.get(`part${i}`) || "").split("_").filter((box) => /^\d+-\d+-\d+-\d+$/.test(box));
    found.boxes[i] = boxes.map((box) => box.split("-").map(Number)).filter((box) => fits(photo, box)).slice(0, PARTS);
  });
  const share = (name, least) => {
    const value = Number.parseFloat(fields.get(name));
    if (value >= least && value <= 1) found[name] = value;
  };
  share("keep", 0.001);
  share("opacity", 0);
  const one = (name, known) => known.includes(fields.get(name)) && (found[name] = fields.get(name));
  one("show", SHOWS);
  one("colormap", Object.keys(about.colors));
  one("scale", about.scales.map(({ name }) => name));
  one("grid", photos.length > 1 ? ["both", "0", "1"] : ["0"]);
  found.gray = fields.get("gray") !== "no";
  if (photos.length > 1 && fields.get("active") === "1") found.active = 1;
  return agreed(found);
}

const fits = (photo, [top, left, bottom, right]) => top <= bottom && left <= right && bottom < photo.grid[1] && right < photo.grid[0];

// A pooling query asks after the last layer: it cannot be linked with one that asks in every layer.
function agreed(found) {
  const pools = found.queries.includes("pool");
  if (pools && found.queries.some((query) => query !== "pool")) found.queries = photos.map(() => "pool");
  if (!pools) found.head = Math.min(found.head, about.heads - 1);
  return found;
}

// A moment later: browsers refuse to rewrite an address as often as a slider moves.
let [written, writing] = ["", 0];
function writeHash() {
  clearTimeout(writing);
  writing = setTimeout(() => {
    written = asHash();
    history.replaceState(null, "", written);
  }, 120);
}
