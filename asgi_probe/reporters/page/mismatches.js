const FLASH = 1500;
const flashing = new WeakMap();

/** Mismatches as a tree along their paths: `here` those of this place, `under` what is below it, by key or index. */
function marksOf(mismatches) {
  const root = { here: [], under: new Map() };
  for (const mismatch of mismatches) {
    if (!isInside(mismatch)) continue;
    let place = root;
    for (const step of pathSteps(mismatch.path)) {
      if (!place.under.has(step)) place.under.set(step, { here: [], under: new Map() });
      place = place.under.get(step);
    }
    place.here.push(mismatch);
  }
  return root.here.length || root.under.size ? root : undefined;
}

function isInside(mismatch) {
  return Boolean(mismatch.path?.startsWith("$"));
}

function allUnder(marks) {
  return [...marks.here, ...[...marks.under.values()].flatMap(allUnder)];
}

/** What stands beside a marked place: the mismatch's number, and what is wrong. */
function markTag(mismatch) {
  const go = () => reveal(byId(mismatch.listed));
  const told = mismatch.message.length > 160 ? `${mismatch.message.slice(0, 160)}…` : mismatch.message;
  return button("mark", told, go, { id: mismatch.marked, "data-number": String(mismatch.number), title: "To the expectation" });
}

/** Give each mismatch of a step its number and the names of its two places on the page. */
function numbered(mismatches, prefix) {
  return mismatches.map((mismatch, at) => ({
    ...mismatch, number: at + 1, listed: `${prefix}-expected-${at + 1}`, marked: `${prefix}-found-${at + 1}`,
  }));
}

/** The mismatches one below the other; those that `isMarked` lead to their marks. */
function mismatchList(mismatches, isMarked = () => false) {
  const items = mismatches.map((mismatch, at) => mismatchItem(mismatch, ofOneLine(mismatches, at), isMarked(mismatch)));
  return el("ol", "mismatches", { "aria-label": "What was expected" }, ...items);
}

/** Those that stand at this one's line of the spec, if it is the first of them: they share what is shown of it. */
function ofOneLine(mismatches, at) {
  const here = ({ file, line }) => file === mismatches[at].file && line === mismatches[at].line;
  return at > 0 && here(mismatches[at - 1]) ? [] : mismatches.filter(here);
}

function mismatchItem(mismatch, sharing, marked) {
  return el("li", "mismatch", { id: mismatch.listed, tabindex: "-1" },
    el("div", "headline", subjectOf(mismatch, marked), el("p", "wrong", mismatch.message)),
    mismatch.because ? el("p", "because", el("span", "quiet", "because "), mismatch.because) : null,
    sharing.length ? sourceOf(mismatch, sharing) : null, valuesOf(mismatch));
}

/** The number and what it is about; where a mark in the answer has that number, the way there. */
function subjectOf(mismatch, marked) {
  const subject = mismatch.path ? `${mismatch.where} ${mismatch.path}` : mismatch.where;
  const counted = { "data-number": String(mismatch.number) };
  if (!marked) return el("p", "subject", counted, subject);
  return button("subject", subject, () => reveal(byId(mismatch.marked)), { ...counted, title: "To its mark in the answer" });
}

/** Scroll to it, through all folds that it is in, and let it be seen for a moment. */
function reveal(element) {
  if (!element) return;
  for (let around = element.parentElement; around; around = around.parentElement) {
    if (around.tagName === "DETAILS" && !around.open) around.open = true;
  }
  element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
  element.focus({ preventScroll: true });
  flash(element.closest("summary, .marked-line") ?? element);
}

// it is taken away by time, not by the end of an animation: who wants no motion has none, and still sees it
function flash(element) {
  clearTimeout(flashing.get(element));
  element.classList.add("flash");
  flashing.set(element, setTimeout(() => element.classList.remove("flash"), FLASH));
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** The line of the spec, and carets under what is meant. */
function sourceOf(place, sharing = [place]) {
  if (!place.file) return null;
  const where = el("span", "place", `${place.file}:${place.line}:${place.column}`);
  if (!place.source_line) return el("p", "source", where);
  const text = place.source_line.trimStart();
  const cut = place.source_line.length - text.length;
  const gutter = `${place.line} | `;
  const carets = sharing.map(({ column, width }) => [gutter.length + widthOf(text.slice(0, Math.max(column - 1 - cut, 0))), Math.max(width, 1)]);
  return el("div", "source", where, el("pre", "", { tabindex: "0", role: "group", "aria-label": "The line of the spec" },
    el("span", "quiet", gutter), `${text}\n`, el("span", "caret", caretLine(carets))));
}

function caretLine(carets) {
  const line = [];
  for (const [from, many] of carets) for (let at = from; at < from + many; at += 1) line[at] = "^";
  return Array.from(line, (caret) => caret ?? " ").join("");
}

// what is written out or wide takes more columns than one, and the caret must still stand under its word
function widthOf(text) {
  return text.replace(AWKWARD, escaped).replace(/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|[\ud83c-\ud83e][\udc00-\udfff]/g, "xx").length;
}

/** Expected and actual where the message does not say them, as a comparison where that says more. */
function valuesOf(mismatch) {
  const diff = difference(mismatch.expected, mismatch.actual);
  if (diff) return diff;
  const rows = [["expected", mismatch.expected, "removed"], ["actual", mismatch.actual, "added"]]
    .filter(([, json]) => !saidIn(json, mismatch.message))
    .map(([name, json, className]) => el("div", "", el("dt", "", name), el("dd", className, pretty(json))));
  return rows.length ? el("dl", "values", ...rows) : null;
}

function saidIn(json, message) {
  if (json === "null" || message.includes(json)) return true;
  const value = tryJson(json);
  if (!value) return false;
  if (value.kind !== "string") return value.kind === "number" || value.kind === "word";
  const text = JSON.parse(value.raw);
  return message.includes(text) || message.includes(text.replaceAll("\n", "\\n").replace(AWKWARD, escaped));
}

/** JSON on one line if it is short, else on many; what is no JSON (it was cut) as it is. */
function pretty(json) {
  const value = json.length > 60 ? tryJson(json) : null;
  return value ? jsonLines(value).join("\n") : json;
}
