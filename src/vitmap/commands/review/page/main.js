// Main: what the buttons, sliders and keys do.
const say = (text) => ($("said").textContent = text);

function go(i) {
  if (i < 0) return;
  current = i;
  show(i);
  reveal();
  drawRows();
  drawFacts();
}

function drawFacts() {
  const row = index[current];
  const found = picture(current);
  $("file").textContent = row.file;
  $("verdict").textContent = row.verdict;
  $("verdict").className = `chip ${row.verdict}`;
  $("original").hidden = !found;
  if (found) $("original").href = found.place;
  $("lost").textContent = row.error || "";
  $("canvas").setAttribute("aria-label", `${row.file} with its map`);
  const facts = found
    ? [
        ["Score", inUnit(row.score)],
        ...(sheet.threshold === null ? [] : [["Threshold", inUnit(sheet.threshold)]]),
        ["Unit", sheet.unit],
        ["Size", `${found.size[0]} × ${found.size[1]} px`],
        ["Patches", `${found.grid[0]} × ${found.grid[1]}`],
        ...(found.notes.length ? [["Notes", found.notes.join("; ")]] : []),
      ]
    : [["Failed", row.error]];
  $("about").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", "", name), element("dd", "", text)]));
  const regions = found ? found.regions : [];
  $("regions-title").textContent = regions.length ? `Regions (${sheet.label}), hottest first` : found ? "No region" : "";
  $("regions").replaceChildren(...regions.map(regionButton));
  if (!found) $("live").textContent = "";
  drawDecision();
}

function regionButton(region, n) {
  const line = element("li");
  const button = element("button");
  button.type = "button";
  button.append(element("span", "number", String(n + 1)), element("span", "", `peak ${inUnit(region.peak)}`));
  const [x0, y0, x1, y1] = region.box;
  button.append(element("small", "", `${x1 - x0} × ${y1 - y0} px at ${x0}, ${y0}; ${short(100 * region.mass)}% of the mass`));
  button.addEventListener("click", () => zoomToRegion(region));
  line.append(button);
  return line;
}

function drawDecision() {
  const { decision, remark } = decisionOf(index[current]);
  for (const name of ["accept", "reject"]) $(name).setAttribute("aria-pressed", decision === name);
  if (document.activeElement !== $("remark")) $("remark").value = remark || "";
  const decided = index.filter((row) => decisionOf(row).decision).length;
  $("count").textContent = `${decided} of ${index.length} decided`;
  const bar = $("progress");
  for (const [name, value] of [["min", 0], ["max", index.length], ["now", decided]]) bar.setAttribute(`aria-value${name}`, value);
  bar.firstElementChild.style.width = `${index.length ? (100 * decided) / index.length : 0}%`;
}

function decide(decision) {
  if (current < 0) return;
  const row = index[current];
  const following = neighbour(1);
  const taken = decisionOf(row).decision === decision ? "" : decision;
  decideOn(row, { decision: taken });
  say(`${row.file}: ${{ accept: "accepted", reject: "rejected" }[taken] || "undecided"}`);
  arrange();
  if (taken && $("advance").checked && following !== current) go(following);
  else drawDecision();
}

function remarked() {
  if (current < 0) return;
  decideOn(index[current], { remark: $("remark").value });
  drawRows();
}

function setCut(kind, value) {
  cut.kind = kind;
  cut.value = value;
  stage.mask = null;
  const share = kind === "mass";
  const top = Math.max(1.5 * sheet.limits[1], sheet.cut[0] === "level" ? 2 * sheet.cut[1] : 0);
  const slider = share ? { min: 1, max: 100, step: 1 } : { min: Math.min(0, sheet.limits[0]), max: top, step: top / 300 };
  Object.assign($("threshold"), slider);
  Object.assign($("threshold-number"), { ...slider, max: share ? 100 : "", step: share ? 1 : "any" });
  const shown = share ? 100 * value : value;
  $("threshold").value = shown;
  if (document.activeElement !== $("threshold-number")) $("threshold-number").value = Number(shown.toPrecision(4));
  $("threshold-unit").textContent = share ? "%" : sheet.unit.startsWith("×") ? "×" : "";
  $("cut").value = kind;
  $("threshold-reset").hidden = kind === sheet.cut[0] && value === sheet.cut[1];
  redraw();
}

function cutFrom(text) {
  const value = Number.parseFloat(text);
  if (!Number.isFinite(value)) return;
  if (cut.kind === "mass") setCut("mass", Math.min(1, Math.max(0.001, value / 100)));
  else setCut("level", value);
}

function drawLegend() {
  const ramp = $("ramp").getContext("2d");
  for (let x = 0; x < 256; x++) {
    ramp.fillStyle = `rgb(${colors.subarray(3 * x, 3 * x + 3).join()})`;
    ramp.fillRect(x, 0, 1, 10);
  }
  ramp.fillRect(250, 0, 6, 10);
  const [low, high] = sheet.limits.map(inUnit);
  $("low").textContent = low;
  $("high").textContent = `${high} ▸ hotter`;
  $("meaning").textContent = `Scale ${sheet.scale}: ${sheet.meaning}; ${sheet.unit}.`;
  $("ramp").setAttribute("aria-label", `Colours from ${low} to ${high}, ${sheet.unit}`);
}

const KEYS = {
  j: () => go(neighbour(1)), ArrowDown: () => go(neighbour(1)), ArrowRight: () => go(neighbour(1)),
  k: () => go(neighbour(-1)), ArrowUp: () => go(neighbour(-1)), ArrowLeft: () => go(neighbour(-1)),
  PageDown: () => go(neighbour(10)), PageUp: () => go(neighbour(-10)),
  Home: () => rows.length && go(rows[0].i), End: () => rows.length && go(rows.at(-1).i),
  a: () => decide("accept"), r: () => decide("reject"),
  u: () => decide(decisionOf(index[current]).decision),
  m: () => $("remark").focus(), "/": () => $("search").focus(),
  f: fitWhole, 0: fitWhole, "+": () => zoomBy(1.4), "=": () => zoomBy(1.4), "-": () => zoomBy(1 / 1.4),
  h: () => { stage.map = !stage.map; redraw(); },
  o: () => $("show-mask").click(), b: () => $("show-boxes").click(), g: () => $("show-gray").click(),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]):not([type=range]), select");
  if (event.key === "Escape" && typing) return event.target.blur();
  if (event.key === "Enter" && event.target.id === "remark") return event.target.blur();
  const sliding = event.target.matches("input[type=range]") && event.key.startsWith("Arrow");
  if (typing || sliding || event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const region = /^[1-9]$/.test(event.key) && current >= 0 && picture(current)?.regions[event.key - 1];
  const act = region ? () => zoomToRegion(region) : KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const name of ["accept", "reject"]) $(name).addEventListener("click", () => decide(name));
$("next").addEventListener("click", () => go(neighbour(1)));
$("previous").addEventListener("click", () => go(neighbour(-1)));
$("remark").addEventListener("input", remarked);
$("list").addEventListener("scroll", drawRows);
$("search").addEventListener("input", () => { chosen.text = $("search").value; arrange(); });
$("decided").addEventListener("change", () => { chosen.decision = $("decided").value; arrange(); });
$("sort").addEventListener("change", () => { chosen.sort = $("sort").value; $("list").scrollTop = 0; arrange(); });
$("opacity").addEventListener("input", () => { $("opacity-said").textContent = `${$("opacity").value}%`; redraw(); });
for (const name of ["threshold", "threshold-number"]) $(name).addEventListener("input", (event) => cutFrom(event.target.value));
$("cut").addEventListener("change", () => setCut($("cut").value, $("cut").value === sheet.cut[0] ? sheet.cut[1] : $("cut").value === "mass" ? 0.6 : sheet.limits[1] / 2));
$("threshold-reset").addEventListener("click", () => setCut(...sheet.cut));
for (const name of ["show-mask", "show-boxes", "show-gray"]) $(name).addEventListener("change", redraw);
$("zoom-in").addEventListener("click", () => zoomBy(1.4));
$("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
$("zoom-fit").addEventListener("click", fitWhole);
$("help-open").addEventListener("click", () => $("help").showModal());
$("export-csv").addEventListener("click", () => save(asCsv(), "text/csv", "csv"));
$("export-json").addEventListener("click", () => save(asJson(), "application/json", "json"));
$("import").addEventListener("click", () => $("import-file").click());
$("import-file").addEventListener("change", async () => {
  const [file] = $("import-file").files;
  if (!file) return;
  const warning = $("warning");
  try {
    if (file.size > MOST_BYTES) throw new Error(`${file.size} bytes, more than the ${MOST_BYTES} it may have`);
    warning.textContent = `${takeOver(await file.text())} decisions taken over from ${file.name}.`;
  } catch (error) {
    warning.textContent = `${file.name}: not taken over (${error.message}).`;
  }
  warning.hidden = false;
  $("import-file").value = "";
  arrange();
  if (current >= 0) drawDecision();
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); canvas.classList.add("moving"); });
canvas.addEventListener("pointerup", () => canvas.classList.remove("moving"));
canvas.addEventListener("pointermove", (event) => {
  if (event.buttons) { stage.x += event.movementX; stage.y += event.movementY; redraw(); }
  sayUnder(event);
});
canvas.addEventListener("pointerleave", () => ($("under").textContent = ""));
new ResizeObserver(fitWhole).observe(canvas);
new ResizeObserver(drawRows).observe($("list"));
window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  decisions = stored() || decisions;
  arrange();
  if (current >= 0) drawDecision();
});

document.title = `Review: ${sheet.title}`;
$("title").textContent = sheet.title;
const regionRule = sheet.cut[0] === "mass" ? `${100 * sheet.cut[1]}% of the mass` : `at or above ${inUnit(sheet.cut[1])}`;
$("subtitle").textContent = `${sheet.reading}, ${sheet.unit} · regions: ${regionRule} · ${sheet.model}`;
const grounds = sheet.threshold === null ? "No verdicts: these maps were not held against good pictures." : sheet.grounds && `Verdict defect: a score ${sheet.grounds}.`;
$("caveat").textContent = [sheet.caveat, grounds].filter(Boolean).join(" ");
$("opacity-said").textContent = `${$("opacity").value}%`;
loadDecisions();
drawLegend();
drawVerdicts();
setCut(...sheet.cut);
arrange();
if (rows.length) go(rows[0].i);
