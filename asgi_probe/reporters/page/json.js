// JSON read for people: its numbers and strings as they were sent, and of a text that was cut all that is there.

const PUNCTUATION = /[\s]*([{}[\],:])/y;
const SCALAR = /\s*(?:("[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;
const DEEPEST = 150;

class NotJson extends Error {}

/** The value that a text says, as `{kind, raw}` or `{kind, entries: [{key, value}]}`; throws NotJson. */
function readJson(text, { cut = false } = {}) {
  const reader = { text: text.replace(/^\ufeff/, ""), at: 0, cut };
  const value = readValue(reader, 0);
  if (reader.text.slice(reader.at).trim() && !value.cut) throw new NotJson();
  return value;
}

/** The same, or null where it is no JSON. */
function tryJson(text, options) {
  try {
    return readJson(text, options);
  } catch (error) {
    if (error instanceof NotJson) return null;
    throw error;
  }
}

function readValue(reader, depth) {
  if (depth > DEEPEST) throw new NotJson();
  const scalar = taken(reader, SCALAR);
  if (scalar) return scalarOf(scalar);
  const opening = taken(reader, PUNCTUATION);
  if (opening?.[1] === "{") return readContainer(reader, "object", "}", depth);
  if (opening?.[1] === "[") return readContainer(reader, "array", "]", depth);
  if (!opening && reader.cut) return { kind: "cut", raw: restOf(reader), cut: true };
  throw new NotJson();
}

function taken(reader, pattern) {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (found) reader.at = pattern.lastIndex;
  return found;
}

function scalarOf([, string, digits, word]) {
  if (string !== undefined) return { kind: "string", raw: string };
  return digits !== undefined ? { kind: "number", raw: digits } : { kind: "word", raw: word };
}

// what a cut leaves of a last value is short of its end, but may be most of the body
function restOf(reader) {
  const rest = reader.text.slice(reader.at).trimStart();
  if (rest && !/^["\-\dtfn]/.test(rest)) throw new NotJson();
  reader.at = reader.text.length;
  return rest;
}

function readContainer(reader, kind, closing, depth) {
  const value = { kind, entries: [], cut: false };
  if (closes(reader, closing)) return value;
  for (;;) {
    const key = kind === "object" ? readKey(reader) : value.entries.length;
    if (key === null) return { ...value, cut: true };
    const item = readValue(reader, depth + 1);
    if (item.kind !== "cut" || item.raw) value.entries.push({ key, value: item });
    if (item.cut) return { ...value, cut: true };
    const next = taken(reader, PUNCTUATION)?.[1];
    if (next === closing) return value;
    if (next !== ",") return ended(reader, value);
  }
}

function closes(reader, closing) {
  const at = reader.at;
  if (taken(reader, PUNCTUATION)?.[1] === closing) return true;
  reader.at = at;
  return false;
}

function readKey(reader) {
  const key = taken(reader, SCALAR)?.[1];
  const colon = key && taken(reader, PUNCTUATION)?.[1];
  if (colon === ":") return keyOf(key);
  if (reader.cut && (!key ? /^\s*("|$)/.test(reader.text.slice(reader.at)) : !reader.text.slice(reader.at).trim())) {
    reader.at = reader.text.length;
    return null;
  }
  throw new NotJson();
}

function keyOf(raw) {
  try {
    return JSON.parse(raw);
  } catch {
    throw new NotJson();
  }
}

function ended(reader, value) {
  if (!reader.cut || reader.text.slice(reader.at).trim()) throw new NotJson();
  return { ...value, cut: true };
}

/** The steps of a JSONPath that leads to one node, as far as they do: `$.a[0]['b c']` gives `["a", 0, "b c"]`. */
function pathSteps(path) {
  const steps = [];
  const step = /\.([^.[\]'"*?@()]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
  step.lastIndex = 1;
  for (let found = step.exec(path); found; found = step.exec(path)) {
    if (found[2] !== undefined) steps.push(Number(found[2]));
    else steps.push(found[1] ?? unquoted(found[3] ?? found[4]));
  }
  return steps;
}

function unquoted(name) {
  return name.replace(/\\(u[\da-fA-F]{4}|.)/g, (_, what) => {
    if (what.length === 5) return String.fromCharCode(parseInt(what.slice(1), 16));
    return { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" }[what] ?? what;
  });
}

/** Read JSON in lines, indented, one for every scalar: for comparing. */
function jsonLines(value, indent = "", lead = "") {
  if (!value.entries) return [indent + lead + value.raw];
  const [open, close] = value.kind === "object" ? "{}" : "[]";
  if (!value.entries.length) return [indent + lead + open + close];
  const inner = value.entries.flatMap((entry) =>
    jsonLines(entry.value, `${indent}  `, value.kind === "object" ? `${JSON.stringify(entry.key)}: ` : ""));
  return [indent + lead + open, ...inner, indent + close];
}
