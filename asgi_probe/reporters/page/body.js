const CHUNK = 100;
const IMAGES = /^image\/(png|jpe?g|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)\b/i;
const HEX_BYTES = 256;

/** What a request or response brought: JSON to fold, an image, text, or bytes; the mismatches stand where they are. */
function bodyOf(message, mismatches = []) {
  const type = headerOf(message, "content-type");
  const told = bodyAs(message, type, mismatches);
  const aside = told.kind === "JSON" ? mismatches.filter((mismatch) => !isInside(mismatch)) : mismatches;
  return el("div", "body", aside.length ? el("div", "marked-line aside", ...aside.map(markTag)) : null,
    told.content, told.kind === "none" ? null : bodyNote(message, told.kind, type));
}

function headerOf(message, name) {
  return message.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? "";
}

function bodyAs(message, type, mismatches) {
  if (message.body === null) return { kind: "none", content: el("p", "quiet small", "no body") };
  if (message.body === "") return { kind: "empty", content: el("p", "quiet small", "an empty body") };
  const picture = IMAGES.test(type) && !message.truncated ? imageOf(message, type) : null;
  if (picture) return { kind: "image", content: picture };
  if (message.encoding === "base64") return { kind: "bytes", content: hexOf(message.body) };
  const json = couldBeJson(message.body, type) ? tryJson(message.body, { cut: message.truncated }) : null;
  if (json) return { kind: "JSON", content: jsonTree(json, marksOf(mismatches)) };
  return { kind: "text", content: scrolled("pre", "text", "Body", message.body) };
}

function couldBeJson(text, type) {
  return /^\s*[{[]/.test(text) || /\bjson\b/i.test(type);
}

function bodyNote(message, kind, type) {
  const size = message.truncated ? `the beginning of ${bytes(message.size)}` : bytes(message.size);
  return el("p", "note quiet small", [type.split(";")[0] || kind, size].join(" · "));
}

function scrolled(name, className, label, ...children) {
  return el(name, `scrolled ${className}`, { tabindex: "0", role: "group", "aria-label": label }, ...children);
}

function imageOf(message, type) {
  const source = imageSource(message, type.split(";")[0].trim());
  if (!source) return null;
  return el("div", "picture", el("img", "", { src: source, alt: `The image that came, ${bytes(message.size)}` }));
}

function imageSource(message, type) {
  if (message.encoding === "base64") return `data:${type};base64,${message.body}`;
  return /svg/i.test(type) && message.body.isWellFormed() ? `data:${type},${encodeURIComponent(message.body)}` : null;
}

/** The first bytes as editors show them: place, hex, and what of them is text. */
function hexOf(base64) {
  const raw = atob(base64.slice(0, Math.ceil(HEX_BYTES / 3) * 4)).slice(0, HEX_BYTES);
  const rows = [];
  for (let at = 0; at < raw.length; at += 16) {
    const part = [...raw.slice(at, at + 16)];
    const hex = part.map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => (/[ -~]/.test(byte) ? byte : "·")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return scrolled("pre", "hex", "Bytes", rows.join("\n"));
}

/** JSON as lines that fold, with the marks on the lines that they are about. */
function jsonTree(value, marks) {
  const large = sizeOf(value) > 80;
  return scrolled("div", "json", "Body", ...valueLines(value, { marks, large, marked: Boolean(marks), depth: 0, lead: [], comma: "" }));
}

function sizeOf(value) {
  return value.entries ? value.entries.reduce((size, entry) => size + sizeOf(entry.value), 1) : 1;
}

function valueLines(value, place) {
  const missing = value.entries ? missingUnder(value, place.marks) : [];
  if (value.entries && (value.entries.length || missing.length)) return [containerFold(value, place, missing)];
  return [jsonLine([...place.lead, scalar(value), place.comma], place.marks && allUnder(place.marks))];
}

function scalar(value) {
  if (value.entries) return value.kind === "object" ? "{}" : "[]";
  if (value.kind === "cut") return el("span", "cut", `${value.raw}… cut here`);
  return el("span", value.kind, value.raw);
}

function jsonLine(parts, here = []) {
  return el("div", here.length ? "line marked-line" : "line", ...parts, ...here.map(markTag));
}

function containerFold(value, place, missing) {
  const [open, close] = value.kind === "object" ? "{}" : "[]";
  const here = place.marks?.here ?? [];
  const summary = [
    ...place.lead, open,
    el("span", "folded", ` … ${close} `), el("span", "folded quiet", count(value.entries.length, value.kind === "object" ? "key" : "item")),
    ...here.map(markTag),
  ];
  const inside = () => [
    el("div", "inside", ...entryLines(value, place), ...missing.map(missingLine), value.cut ? cutLine(value, place.marks) : null),
    jsonLine([close, place.comma]),
  ];
  const isOpen = Boolean(place.marks) || place.depth === 0 || !folds(value, place);
  return fold(here.length ? "fold marked-line" : "fold", summary, inside, { open: isOpen });
}

// of a large body what holds no mark is folded, so that the marks stand close to each other
function folds(value, { large, marked, depth }) {
  return large && (marked || depth > 2 || value.entries.length > 8);
}

function entryLines(value, place) {
  if (value.entries.length <= CHUNK * 1.5) return entriesAsLines(value, place, 0, value.entries.length);
  const chunks = [];
  const isThere = (entry) => Boolean(place.marks?.under.has(entry.key));
  const none = !value.entries.some(isThere);
  for (let from = 0; from < value.entries.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, value.entries.length);
    const marked = value.entries.slice(from, to).some(isThere);
    chunks.push(fold("fold chunk", [`${number(from)} – ${number(to - 1)}`], () => entriesAsLines(value, place, from, to), { open: marked || (none && from === 0) }));
  }
  return chunks;
}

function entriesAsLines(value, place, from, to) {
  const lines = [];
  for (let at = from; at < to; at += 1) {
    const { key, value: item } = value.entries[at];
    lines.push(...valueLines(item, {
      marks: place.marks?.under.get(key), large: place.large, marked: place.marked, depth: place.depth + 1,
      lead: value.kind === "object" ? [el("span", "key", JSON.stringify(key)), ": "] : [],
      comma: at + 1 < value.entries.length ? "," : "",
    }));
  }
  return lines;
}

/** The marks of what is not there: each is shown where it would be. */
function missingUnder(value, marks) {
  return marks && !value.cut ? absentUnder(value, marks) : [];
}

function absentUnder(value, marks) {
  const there = new Set(value.entries.map((entry) => entry.key));
  return [...marks.under].filter(([key]) => !there.has(key));
}

// what was cut off may be there, or not: its marks stand where it begins
function cutLine(value, marks) {
  const beyond = marks ? absentUnder(value, marks).flatMap(([, each]) => allUnder(each)) : [];
  return el("div", beyond.length ? "line cut marked-line" : "line cut", "… cut here", ...beyond.map(markTag));
}

function missingLine([key, marks]) {
  const name = typeof key === "string" ? JSON.stringify(key) : `[${key}]`;
  return el("div", "line marked-line missing", el("span", "key", name), ": ", el("span", "quiet", "not there"), ...allUnder(marks).map(markTag));
}
