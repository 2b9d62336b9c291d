const MOST_COMPARED = 400;

/** Expected and actual side by side in one column, as lines with `-` and `+`; null where there is nothing to compare. */
function difference(expected, actual) {
  const [left, right] = [linesOf(expected), linesOf(actual)];
  if (!left || !right || Math.max(left.length, right.length) > MOST_COMPARED) return null;
  if (Math.min(left.length, right.length) < 2) return null;
  const rows = compared(left, right).map(([sign, line]) => diffRow(sign, line));
  return el("pre", "diff", { tabindex: "0", role: "group", "aria-label": "Expected and actual" }, diffLegend(), ...rows);
}

function diffLegend() {
  return el("span", "quiet", el("span", "removed", "- expected"), "  ", el("span", "added", "+ actual"), "\n");
}

function diffRow(sign, line) {
  return el("span", { "-": "removed", "+": "added" }[sign] ?? "", `${sign} ${line}\n`);
}

function linesOf(json) {
  const value = tryJson(json);
  if (!value || value.kind === "word" || value.kind === "number") return null;
  if (value.kind === "string") return JSON.parse(value.raw).split("\n");
  return jsonLines(value);
}

/** Pairs of sign and line: the longest common part keeps its place. */
function compared(left, right) {
  const start = commonStart(left, right);
  const end = commonEnd(left.slice(start), right.slice(start));
  const same = (line) => [" ", line];
  const middle = interleaved(left.slice(start, left.length - end), right.slice(start, right.length - end));
  return trimmed([...left.slice(0, start).map(same), ...middle, ...left.slice(left.length - end).map(same)]);
}

function commonStart(left, right) {
  let at = 0;
  while (at < left.length && at < right.length && left[at] === right[at]) at += 1;
  return at;
}

function commonEnd(left, right) {
  return commonStart([...left].reverse(), [...right].reverse());
}

function interleaved(left, right) {
  const longest = lengths(left, right);
  const rows = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      rows.push([" ", left[i]]);
      i += 1;
      j += 1;
    } else if (j === right.length || (i < left.length && longest[i + 1][j] >= longest[i][j + 1])) {
      rows.push(["-", left[i]]);
      i += 1;
    } else {
      rows.push(["+", right[j]]);
      j += 1;
    }
  }
  return rows;
}

function lengths(left, right) {
  const table = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      table[i][j] = left[i] === right[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

/** The rows without those that are far from any change. */
function trimmed(rows) {
  const near = new Set();
  rows.forEach(([sign], at) => {
    if (sign !== " ") for (let around = at - 3; around <= at + 3; around += 1) near.add(around);
  });
  const shown = [];
  rows.forEach((row, at) => {
    if (near.has(at)) shown.push(row);
    else if (at === 0 || near.has(at - 1)) shown.push([" ", "…"]);
  });
  return shown;
}
