// Decisions: kept in this browser under the lot's digest, exported as CSV or JSON.
const KEY = `vitmap-review:${sheet.lot}`;
let decisions = Object.create(null);
let keeps = true;

// What this browser keeps of the lot; null where it keeps nothing. Foreign content is no decision.
function stored() {
  let text;
  try {
    text = localStorage.getItem(KEY);
  } catch {
    return null;
  }
  try {
    return sound(JSON.parse(text || "{}"));
  } catch {
    return sound({});
  }
}

function loadDecisions() {
  const value = stored();
  decisions = value || decisions;
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

const decideOn = (row, change) => decideAll([{ row, change }]);

// Another tab may have decided on other pictures of the lot meanwhile: only these are replaced.
function decideAll(changes) {
  if (keeps) Object.assign(decisions, stored());
  for (const { row, change } of changes) {
    const entry = { ...decisionOf(row), decided_at: new Date().toISOString(), ...change };
    entry.remark = entry.remark.slice(0, LONGEST_REMARK);
    if (entry.decision || entry.remark) decisions[row.file] = entry;
    else delete decisions[row.file];
  }
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

// The last field is sha256 of all others, as they stand in the file.
function asJson() {
  const whole = { format: 2, lot: sheet.lot, title: sheet.title, decisions: exported() };
  return `${JSON.stringify({ ...whole, digest: sha256(JSON.stringify(whole)) }, null, 1)}\n`;
}

function save(text, kind, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${kind};charset=utf-8` }));
  link.download = `${sheet.title.replace(/[\\/:*?"<>|\x00-\x1f]/g, "_")}-decisions.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Gives how many decisions were taken over: all of a file, or, where it throws, none.
function takeOver(text) {
  const given = decisionsOf(text).filter(({ change }) => change.decision || change.remark);
  decideAll(given);
  return given.length;
}
