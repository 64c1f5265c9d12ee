// Words: what is seen, in sentences with numbers.
const short = (value, digits = 3) => String(Number(Number(value).toPrecision(digits)));
const percent = (share) => `${share > 0 && share < 1e-4 ? "less than 0.01" : short(100 * share, share >= 0.1 ? 2 : 1)}\u00a0%`;
const held = () => `${short(100 * state.keep, 4)}\u00a0%`; // as it was asked for, not rounded
const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const rounded = (value) => String(Number(value.toFixed(1)));

function nameOf(query) {
  if (!isPatch(query)) return `the ${about.queries.find(({ key }) => key === query).name}`;
  const [x, y] = query.slice(6).split(",").map(Number);
  return `the patch at x ${rounded(x)}, y ${rounded(y)} px`;
}

function cellWords(query) {
  const head = headOf(query);
  return query === "pool" ? `head ${head} of the pooling head` : `layer ${about.layers[state.place]}, head ${head}`;
}

function middleOf(photo, n) {
  const [[width, height], [gx, gy]] = [photo.size, photo.grid];
  return [Math.floor((((n % gx) + 0.5) * width) / gx), Math.floor(((Math.floor(n / gx) + 0.5) * height) / gy)];
}

function sentence(photo, { query, row, values, mask }) {
  const peak = peakOf(values);
  const [x, y] = middleOf(photo, peak);
  const patches = mask.reduce((sum, is) => sum + is, 0);
  const first = photo.prefix.length ? `; ${percent(total(row.subarray(0, photo.prefix.length)))} of all mass is on ${photo.prefix.join(", ")}` : "";
  return `What ${nameOf(query)} attends to in ${cellWords(query)} (${labelOf(query)}). Hottest: ${short(values[peak] * values.length, 2)}× uniform at x ${x}, y ${y} px. ` +
    `${patches} of ${values.length} patches ${patches === 1 ? "holds" : "hold"} ${held()} of the mass on patches${first}.`;
}

function sayFound() {
  const blocks = photos.map((photo) => {
    const view = viewOf(photo);
    const block = element("div", "words");
    const title = element("h2", "cell-title", labelOf(view.query));
    if (photos.length > 1) title.prepend(element("b", "letter", "AB"[photo.i]), " ");
    block.append(title, element("p", "", sentence(photo, view)));
    for (const alarm of alarmsOf(photo, view.row, view.query)) {
      const line = element("p", "alarm");
      line.append(element("b", "", `${MARKS[alarm.kind]} ${alarm.mark}: `), alarm.meaning);
      block.append(line);
    }
    return block;
  });
  $("seen").replaceChildren(...blocks);
}

function sayUnder(photo, [row, column]) {
  const { values } = viewOfCached(photo);
  const [[width, height], [gx, gy]] = [photo.size, photo.grid];
  const value = values[row * gx + column];
  const span = (k, pixels, count) => `${rounded((k * pixels) / count)}–${rounded(((k + 1) * pixels) / count)}`;
  const which = photos.length > 1 ? `${"AB"[photo.i]} ` : "";
  $("under").textContent = `${which}${labelOf(state.queries[photo.i])}: ${value.toPrecision(3)} = ${short(value * values.length, 3)}× uniform · row ${row}, column ${column} · x ${span(column, width, gx)}, y ${span(row, height, gy)} px`;
}

const viewOfCached = (photo) => ({ values: patchesOf(photo, rowOf(photo, state.queries[photo.i], state.place, headOf(state.queries[photo.i]))) });

// Why a head with a mark is no answer yet.
const DOUBTS = { sink: "one patch only, may be chance", border: "looks along the edge of the photo", prefix: "little of it is on the photo at all" };

function sayLooks(found) {
  $("clear").hidden = !found;
  if (!found) {
    $("finder-said").textContent = "Drag a box over a part of the photo, such as a wheel: every layer and head is ranked by how much it looks there. Shift adds another box.";
    $("best").replaceChildren();
    return;
  }
  const { marked, parts, best, doubtful } = found;
  const places = marked.map((photo, n) => `${parts[n].length} of ${photo.grid[0] * photo.grid[1]} patches${photos.length > 1 ? ` of ${"AB"[photo.i]}` : ""}`);
  const asks = [...new Set(marked.map((photo) => nameOf(state.queries[photo.i])))].join(" and ");
  const over = marked.length > 1 ? "the mean over both photos" : photos.length > 1 ? `photo ${"AB"[marked[0].i]} alone` : "this photo alone";
  $("finder-said").textContent = `The marked parts cover ${places.join(" and ")}; ${asks} asks. This is ${over}, and no evidence by itself: see whether it holds on others.`;
  const lines = best.map((one, n) => lineOf(one, String(n + 1)));
  if (!best.length) lines.push(element("li", "apart quiet", "No head without a mark looks here more than an even spread would."));
  if (doubtful.length) lines.push(element("li", "apart quiet", "These look here too, but their map carries a mark:"), ...doubtful.map((one) => lineOf(one, "")));
  $("best").replaceChildren(...lines);
}

function lineOf({ place, head, times, share, alarms }, number) {
  const line = element("li", number ? "" : "doubtful");
  const button = element("button");
  button.type = "button";
  if (number) button.append(element("b", "number", number));
  button.append(element("b", "", labelOf(state.queries[0], place, head)), ` looks here: ${short(times, 2)}×, ${percent(share)} of its mass`);
  for (const kind of Object.keys(DOUBTS).filter((name) => alarms.some((alarm) => alarm.kind === name))) {
    const marks = alarms.filter((alarm) => alarm.kind === kind).map(({ mark }) => mark);
    button.append(element("small", "", `${MARKS[kind]} ${[...new Set(marks)].join(", ")}: ${DOUBTS[kind]}`));
  }
  button.addEventListener("click", () => choose(place, head));
  line.append(button);
  return line;
}

function sayScale() {
  const { name, meaning } = about.scales.find((scale) => scale.name === state.scale);
  $("meaning").textContent = `Scale ${name}: ${meaning}. Numbers are multiples of uniform attention: 1× is no preference.${name === "cell" ? "" : ` The upper end is the ${about.percentile}th percentile; what lies above it has the colour at the bar's end.`}`;
}
