// List: the lot's pictures, filtered and in order; only the rows in sight exist.
const ROW = 62;
const chosen = { verdict: "all", decision: "all", text: "", sort: "high" };
let rows = [];
let current = -1; // a picture's place in the lot, not in the list

const VERDICTS = ["all", "defect", "good", "not judged", "failed"];
const MARKS = { accept: "✓", reject: "✗" };
const collator = new Intl.Collator(undefined, { numeric: true });
const ORDERS = {
  high: (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity) || a.i - b.i,
  low: (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity) || a.i - b.i,
  name: (a, b) => collator.compare(a.file, b.file) || a.i - b.i,
  lot: (a, b) => a.i - b.i,
};

function arrange() {
  const text = chosen.text.toLowerCase();
  rows = index.filter((row) => {
    const { decision, remark } = decisionOf(row);
    const decided =
      chosen.decision === "all" ||
      (chosen.decision === "none" && !decision) ||
      (chosen.decision === "remark" && remark) ||
      chosen.decision === decision;
    const judged = chosen.verdict === "all" || row.verdict === chosen.verdict;
    return decided && judged && row.file.toLowerCase().includes(text);
  });
  rows.sort(ORDERS[chosen.sort]);
  $("shown").textContent = rows.length === index.length ? `${rows.length} pictures` : `${rows.length} of ${index.length} pictures`;
  $("rows").style.height = `${rows.length * ROW}px`;
  drawRows();
}

function drawRows() {
  const list = $("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 2);
  const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 2);
  const made = [];
  for (let place = first; place < last; place++) made.push(rowAt(place));
  $("rows").replaceChildren(...made);
  const active = rows.findIndex((row) => row.i === current);
  if (active >= first && active < last) list.setAttribute("aria-activedescendant", `row-${current}`);
  else list.removeAttribute("aria-activedescendant");
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text; // text, whatever it holds
  return made;
}

function rowAt(place) {
  const row = rows[place];
  const made = element("div", "row");
  made.id = `row-${row.i}`;
  made.style.top = `${place * ROW}px`;
  const facts = { role: "option", "aria-selected": row.i === current, "aria-posinset": place + 1, "aria-setsize": rows.length };
  for (const [name, value] of Object.entries(facts)) made.setAttribute(name, value);
  const found = picture(row.i);
  let small = element("span", "blank");
  if (found) {
    small = element("img");
    small.src = found.thumb;
    small.alt = "";
  }
  const middle = element("div");
  const label = element("span", "label", row.file);
  label.title = row.file;
  const score = element("span", "score", row.score === undefined ? "" : `${inUnit(row.score)} `);
  score.append(element("span", `chip ${row.verdict}`, row.verdict));
  middle.append(label, score);
  const { decision, remark } = decisionOf(row);
  const mark = element("span", `mark ${decision || ""}`, MARKS[decision] || (remark ? "…" : ""));
  mark.setAttribute("aria-label", { accept: "accepted", reject: "rejected" }[decision] || (remark ? "remark" : "undecided"));
  made.append(small, middle, mark);
  made.addEventListener("click", () => go(row.i));
  return made;
}

function reveal() {
  const place = rows.findIndex((row) => row.i === current);
  const list = $("list");
  if (place < 0) return;
  const [top, bottom] = [place * ROW, (place + 1) * ROW];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

// The picture some steps further down the list; from one that the filter hides, the nearest that it shows.
function neighbour(step, from = rows.findIndex((row) => row.i === current)) {
  if (!rows.length) return -1;
  if (from < 0) return rows[0].i;
  return rows[Math.max(0, Math.min(rows.length - 1, from + step))].i;
}

function drawVerdicts() {
  const counts = {};
  for (const row of index) counts[row.verdict] = (counts[row.verdict] || 0) + 1;
  const buttons = VERDICTS.filter((name) => name === "all" || counts[name]).map((name) => {
    const made = element("button", "", `${name} ${name === "all" ? index.length : counts[name]}`);
    made.type = "button";
    made.dataset.verdict = name;
    made.setAttribute("aria-pressed", name === chosen.verdict);
    made.addEventListener("click", () => {
      chosen.verdict = name;
      drawVerdicts();
      $("list").scrollTop = 0;
      arrange();
    });
    return made;
  });
  $("verdicts").replaceChildren(...buttons);
}
