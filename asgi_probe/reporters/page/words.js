const OUTCOMES = ["failed", "error", "xpassed", "interrupted", "flaky", "passed", "xfailed", "skipped"];
const GLYPHS = { passed: "✓", flaky: "↻", failed: "✗", error: "!", skipped: "○", xfailed: "x", xpassed: "X", interrupted: "■" };
const GREEN = new Set(["passed", "flaky", "skipped", "xfailed"]);

const PHRASES = {
  200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
  302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
  406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
  415: "Unsupported Media Type", 418: "I'm a Teapot", 422: "Unprocessable Content", 429: "Too Many Requests",
  500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** `0.4 ms`, `12 ms`, `1.24 s`, `2 min 05 s`: the words of the console. */
function duration(seconds) {
  if (seconds < 0.00095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 59.995) return `${seconds.toFixed(2)} s`;
  const all = Math.round(seconds);
  if (all < 3600) return `${Math.floor(all / 60)} min ${String(all % 60).padStart(2, "0")} s`;
  return `${Math.floor(all / 3600)} h ${String(Math.floor((all % 3600) / 60)).padStart(2, "0")} min`;
}

function number(value) {
  return value.toLocaleString("en-GB");
}

function count(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

function bytes(size) {
  return size < 10_000 ? count(size, "byte") : `${number(Math.round(size / 1000))} kB`;
}

function percent(share) {
  return share === 1 ? "100 %" : `${Math.min(share * 100, 99.99).toFixed(share > 0.99 ? 2 : 1)} %`;
}

/** An outcome's glyph; `spoken` adds the word for those who do not see it. */
function glyph(outcome, { spoken = false } = {}) {
  const mark = el("span", `glyph ${outcome}`, { "aria-hidden": "true" }, GLYPHS[outcome] ?? "?");
  return spoken ? el("span", "marked", mark, el("span", "unseen", `${outcome}: `)) : mark;
}
