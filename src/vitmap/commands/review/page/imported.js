// Imported: decisions from elsewhere (a file, this browser's memory) are believed once they are checked.
const MOST_BYTES = 64 * 2 ** 20;
const LONGEST_REMARK = 10000;
const WORDS = ["accept", "reject", ""];
const ENTRY = ["picture", "sha256", "verdict", "score", "unit", "decision", "remark", "decided_at"];
const known = new Map(index.map((row) => [row.file, row]));

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value, longest = 4096) => typeof value === "string" && value.length <= longest;
const seen = (value) => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

// A file's decisions, each with its row. Throws at the first thing that no exported file holds.
function decisionsOf(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error("it is no JSON: export the decisions anew");
  }
  if (!isObject(given)) throw new Error(`expected an object of decisions, seen ${seen(given)}`);
  if (given.lot !== sheet.lot) throw new Error("these are the decisions of another lot");
  const { digest, ...rest } = given;
  const extra = Object.keys(rest).find((key) => !["format", "lot", "title", "decisions"].includes(key));
  if (extra !== undefined) throw new Error(`field ${seen(extra)} is not known`);
  // Files from before digests have neither.
  if ("format" in given || "digest" in given) {
    if (given.format !== 2) throw new Error(`field format: expected 2, seen ${seen(given.format)}`);
    if (digest !== sha256(JSON.stringify(rest))) throw new Error("its digest does not fit: it was changed after it was exported");
  }
  if (!isText(given.title)) throw new Error(`field title: expected text, seen ${seen(given.title)}`);
  if (!Array.isArray(given.decisions)) throw new Error(`field decisions: expected a list, seen ${seen(given.decisions)}`);
  if (given.decisions.length > index.length) throw new Error(`field decisions: expected at most ${index.length}, seen ${given.decisions.length}`);
  return given.decisions.map((entry, n) => {
    const at = `field decisions[${n}]`;
    if (!isObject(entry)) throw new Error(`${at}: expected an object, seen ${seen(entry)}`);
    const strange = Object.keys(entry).find((key) => !ENTRY.includes(key));
    if (strange !== undefined) throw new Error(`${at}: ${seen(strange)} is not known`);
    const row = known.get(entry.picture);
    if (!row) throw new Error(`${at}.picture: expected one of the lot's, seen ${seen(entry.picture)}`);
    if (entry.sha256 !== (row.sha256 || "")) throw new Error(`${at}.sha256: expected the picture's own, seen ${seen(entry.sha256)}`);
    const { decision, remark, decided_at } = entry;
    if (!WORDS.includes(decision)) throw new Error(`${at}.decision: expected accept, reject or nothing, seen ${seen(decision)}`);
    if (!isText(remark, LONGEST_REMARK)) throw new Error(`${at}.remark: expected text, seen ${seen(remark)}`);
    if (!isMoment(decided_at)) throw new Error(`${at}.decided_at: expected a date and time, seen ${seen(decided_at)}`);
    // When it was decided stays as it was; a file without it has it decided now.
    return { row, change: { decision, remark, ...(decided_at ? { decided_at } : {}) } };
  });
}

// When it was decided; a file may leave it out.
const isMoment = (value) => value === undefined || value === "" || (isText(value, 40) && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && Number.isFinite(Date.parse(value)));

// What a browser's memory holds of this lot, entry by entry: what is no decision is left out.
function sound(value) {
  const found = Object.create(null); // no file's name finds what every object has
  for (const [file, entry] of isObject(value) ? Object.entries(value) : []) {
    if (!known.has(file) || !isObject(entry)) continue;
    const { decision = "", remark = "", decided_at = "" } = entry;
    if (WORDS.includes(decision) && isText(remark, LONGEST_REMARK) && isMoment(decided_at)) found[file] = { decision, remark, decided_at };
  }
  return found;
}
