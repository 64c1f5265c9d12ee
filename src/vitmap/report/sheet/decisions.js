// Decisions: kept in this browser under the lot's digest, exported as CSV or JSON.
const KEY = `vitmap-review:${sheet.lot}`;
let decisions = {};
let keeps = true;

function stored() {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return null;
  }
}

function loadDecisions() {
  const value = stored();
  decisions = value || {};
  if (value === null) lose();
  else {
    try {
      localStorage.setItem(KEY, JSON.stringify(decisions));
    } catch {
      lose();
    }
  }
}

function lose() {
  keeps = false;
  $("warning").textContent =
    "This browser does not keep decisions for this page. Export them before you close or reload it.";
  $("warning").hidden = false;
}

const decisionOf = (row) =>
  Object.hasOwn(decisions, row.file) ? decisions[row.file] : { decision: "", remark: "" };

// Another tab may have decided on other pictures of the lot meanwhile: only this one is replaced.
function decideOn(row, change) {
  const entry = { ...decisionOf(row), decided_at: new Date().toISOString(), ...change };
  if (keeps) decisions = { ...decisions, ...(stored() || {}) };
  if (entry.decision || entry.remark) decisions[row.file] = entry;
  else delete decisions[row.file];
  if (!keeps) return;
  try {
    localStorage.setItem(KEY, JSON.stringify(decisions));
  } catch {
    lose();
  }
}

const COLUMNS = ["picture", "sha256", "verdict", "score", "unit", "decision", "remark", "decided_at"];

function exported() {
  return index.map((row) => {
    const { decision, remark, decided_at } = decisionOf(row);
    return {
      picture: row.file,
      sha256: row.sha256 || "",
      verdict: row.verdict,
      score: row.score === undefined ? "" : row.score,
      unit: sheet.unit,
      decision: decision || "",
      remark: remark || "",
      decided_at: decided_at || "",
    };
  });
}

// A spreadsheet takes these for the beginning of a formula, the wide ones in Japanese ones too.
const harmless = (text) => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text);

function asCsv() {
  const cell = (value) => {
    const text = typeof value === "number" ? String(value) : harmless(String(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [COLUMNS, ...exported().map((line) => COLUMNS.map((name) => line[name]))];
  return `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

function asJson() {
  return `${JSON.stringify({ lot: sheet.lot, title: sheet.title, decisions: exported() }, null, 1)}\n`;
}

function save(text, kind, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${kind};charset=utf-8` }));
  link.download = `${sheet.title.replace(/[\\/:*?"<>|\x00-\x1f]/g, "_")}-decisions.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Gives how many decisions were taken over; throws where the file holds none of this lot.
function takeOver(text) {
  const given = JSON.parse(text);
  if (given.lot !== sheet.lot) throw new Error("these are the decisions of another lot");
  const rows = new Map(index.map((row) => [row.file, row]));
  let count = 0;
  for (const { picture: file, decision, remark, decided_at } of given.decisions) {
    const known = ["accept", "reject", ""].includes(decision) && typeof remark === "string";
    if (!rows.has(file) || !known || !(decision || remark)) continue;
    // When it was decided stays as it was; a file without it has it decided now.
    const when = typeof decided_at === "string" && decided_at ? { decided_at } : {};
    decideOn(rows.get(file), { decision, remark, ...when });
    count++;
  }
  return count;
}
