// Words: what is seen, in sentences with numbers.
const short = (value, digits = 3) => String(Number(Number(value).toPrecision(digits)));
const percent = (share) => `${short(100 * share, share >= 0.1 ? 2 : 1)} %`;
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
    `${patches} of ${values.length} patches ${patches === 1 ? "holds" : "hold"} ${percent(state.keep)} of the mass on patches${first}.`;
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

function sayLooks(found) {
  $("clear").hidden = !found;
  if (!found) {
    $("finder-said").textContent = "Drag a box over a part of the photo, such as a wheel: every layer and head is ranked by how much it looks there. Shift adds another box.";
    $("best").replaceChildren();
    return;
  }
  const { marked, parts, order } = found;
  const places = marked.map((photo, n) => `${parts[n].length} of ${photo.grid[0] * photo.grid[1]} patches${photos.length > 1 ? ` of ${"AB"[photo.i]}` : ""}`);
  const asks = [...new Set(marked.map((photo) => nameOf(state.queries[photo.i])))].join(" and ");
  const over = marked.length > 1 ? "the mean over both photos" : photos.length > 1 ? `photo ${"AB"[marked[0].i]} alone` : "this photo alone";
  $("finder-said").textContent = `The marks cover ${places.join(" and ")}; ${asks} asks. This is ${over}, and no evidence by itself: see whether it holds on others.`;
  $("best").replaceChildren(...order.slice(0, BEST).map(({ place, head, times, share }, n) => {
    const line = element("li");
    const button = element("button", "", "");
    button.type = "button";
    button.dataset.place = place;
    button.dataset.head = head;
    const label = labelOf(state.queries[0], place, head);
    button.append(element("b", "number", String(n + 1)), element("b", "", label), ` looks here: ${short(times, 2)}×, ${percent(share)} of its mass`);
    const alarms = marked.flatMap((photo) => alarmsOf(photo, rowOf(photo, state.queries[photo.i], place, head), state.queries[photo.i]).map(({ mark }) => mark));
    if (alarms.length) button.append(element("small", "", [...new Set(alarms)].join(", ")));
    button.addEventListener("click", () => choose(place, head));
    line.append(button);
    return line;
  }));
}

function sayScale() {
  const { name, meaning } = about.scales.find((scale) => scale.name === state.scale);
  $("meaning").textContent = `Scale ${name}: ${meaning}. Numbers are multiples of uniform attention: 1× is no preference.${name === "cell" ? "" : ` The upper end is the ${about.percentile}th percentile; what lies above it has the mark's colour.`}`;
}
