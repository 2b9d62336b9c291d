/** All there is to know of a check: what opens below its row. */
function checkDetail(check) {
  const alone = check.steps.length === 1;
  const stepsTold = check.steps.map((step, at) => stepOf(step, `${check.anchor}-${at}`, alone));
  return [
    detailHead(check),
    check.description ? el("p", "description", check.description) : null,
    check.shortened ? el("p", "quiet small", "Long texts and lists of this check were cut shorter: the page nears its 20 MB.") : null,
    reasonOf(check),
    check.mismatches.length ? mismatchList(numbered(check.mismatches, check.anchor)) : null,
    ...stepsTold,
    check.traceback && !check.steps.some((step) => step.traceback) ? tracebackOf(check) : null,
    check.steps.some(withoutExchange) ? el("p", "quiet small", "Run with -v to keep the exchange of steps that passed.") : null,
  ];
}

function withoutExchange(step) {
  return !step.request && step.outcome === "passed" && step.method !== null;
}

function detailHead(check) {
  const facts = [
    el("code", "", `${check.file}:${check.line}`),
    check.phase === "steps" ? null : el("span", "", check.phase),
    el("span", "", `target ${check.target}`),
    el("span", "", `worker ${check.worker}, at +${duration(check.at)}`),
    check.availability === undefined ? null : el("span", "", `green in ${percent(check.availability)} of runs`),
    ...check.tags.map((tag, at) => el("span", at < MOST_TAGS ? "tag known" : "tag", tag)),
  ];
  const link = () => location.href.replace(/#.*$/, "") + linkTo(check);
  return el("div", "detail-head", el("div", "about", ...facts),
    el("div", "buttons", copyButton("Copy link", link, check.name), copyButton("Copy id", () => check.id, check.name)));
}

function linkTo(check) {
  return `#check=${encodeURIComponent(check.key.toWellFormed())}`;
}

const REASONS = { skipped: "Skipped", xfailed: "Failed, as expected", xpassed: "Passed, which was not expected", flaky: "Flaky, at first", interrupted: "Interrupted", error: "Could not be judged" };

function reasonOf(check) {
  if (!check.reason || check.steps.some((step) => step.reason === check.reason)) return null;
  return el("p", `notice ${check.outcome}`, el("b", "", `${REASONS[check.outcome] ?? "Failed"}: `), check.reason);
}

/** A step: a line where nothing more is known, else a fold. */
function stepOf(step, prefix, alone) {
  const mismatches = numbered(step.mismatches, prefix);
  const parts = stepParts(step, mismatches);
  if (!parts.length) return el("div", "step flat", ...stepTitle(step));
  return fold("step", stepTitle(step), () => parts.map((part) => part()), { open: alone || !GREEN.has(step.outcome) });
}

function stepTitle(step) {
  const status = step.status === null ? null : statusBadge(step.status);
  return [
    glyph(step.outcome, { spoken: true }),
    step.phase === "steps" ? null : el("span", "phase", step.phase),
    el("span", "name", step.step),
    step.attempts > 1 ? el("span", "quiet", `${number(step.attempts)} attempts`) : null,
    step.method && !step.step.startsWith(`${step.method} `) ? el("span", "quiet", step.method) : null,
    status,
    el("span", "took", duration(step.duration)),
  ];
}

function statusBadge(status) {
  return el("span", `status s${Math.floor(status / 100)}`, String(status));
}

/** What a step has to tell, each as a function that makes it. */
function stepParts(step, mismatches) {
  const parts = [];
  const left = leftParts(step, mismatches);
  const right = step.request ? [requestOf(step), responseOf(step, mismatches)] : [];
  if (left.length || right.length) {
    const both = left.length && right.length ? "columns" : "";
    const column = (children) => (children.length ? el("div", "column", ...children) : null);
    parts.push(() => el("div", both, column(left), column(right)));
  }
  if (step.traceback) parts.push(() => tracebackOf(step));
  if (step.said?.length) parts.push(() => saidOf(step.said));
  if (step.curl) parts.push(() => curlOf(step));
  if (step.saved && Object.keys(step.saved).length) parts.push(() => savedOf(step));
  return parts;
}

function leftParts(step, mismatches) {
  return [
    step.reason && step.outcome !== "flaky" ? el("div", `notice ${step.outcome}`, el("p", "", step.reason), sourceOf(step)) : null,
    mismatches.length ? mismatchList(mismatches, (mismatch) => isMarked(step, mismatch)) : null,
    step.stumbles?.length ? stumblesOf(step) : null,
  ].filter(Boolean);
}

function stumblesOf(step) {
  const told = step.stumbles.map((stumble, at) => el("li", "", el("span", "quiet", `attempt ${at + 1} `), stumble));
  const more = step.attempts - 1 - step.stumbles.length;
  return el("div", "part", el("h4", "", "Attempts before"), el("ul", "stumbles", ...told, more > 0 ? el("li", "quiet", `… and ${number(more)} more`) : null));
}

function requestOf({ request }) {
  return el("div", "part", el("h4", "", "Request"),
    el("p", "first-line", el("b", "", request.method), " ", request.url),
    headersOf(request.headers, []), request.body === null ? null : bodyOf(request));
}

const ABOUT_LINE = /^(status|time|http_version|redirects|url|error)$/;
const ABOUT_HEADERS = /^(headers|cookies)\b/;

/** Whether the answer is told, and has a mark for this. */
function isMarked({ request, response }, { where }) {
  return Boolean(request && (response || ABOUT_LINE.test(where)));
}

function responseOf({ response, times }, mismatches) {
  const onLine = mismatches.filter(({ where }) => ABOUT_LINE.test(where));
  const tags = onLine.length ? el("div", "marked-line aside", ...onLine.map(markTag)) : null;
  if (!response) return el("div", "part", el("h4", "", "Response"), el("p", "first-line quiet", "no answer"), tags);
  const inHeaders = mismatches.filter(({ where }) => ABOUT_HEADERS.test(where));
  const inBody = mismatches.filter(({ where }) => !ABOUT_LINE.test(where) && !ABOUT_HEADERS.test(where));
  return el("div", "part", el("h4", "", "Response"),
    el("p", "first-line", el("span", "quiet", `${response.http_version} `), statusBadge(response.status), ` ${PHRASES[response.status] ?? ""}`,
      times.length ? el("span", "quiet", ` in ${duration(times.at(-1))}`) : null),
    tags, headersOf(response.headers, inHeaders), bodyOf(response, inBody));
}

/** The headers, folded unless something is wrong with them; those that are missing stand there too. */
function headersOf(headers, mismatches) {
  const named = (name) => mismatches.filter(({ where }) => where.toLowerCase() === `headers.${name.toLowerCase()}`);
  const there = headers.map(([name, value]) => headerRow(name, value, named(name)));
  const known = new Set(headers.map(([name]) => `headers.${name.toLowerCase()}`));
  const others = mismatches.filter(({ where }) => !known.has(where.toLowerCase()));
  const missing = others.map((mismatch) => headerRow(mismatch.where.replace(/^headers\./, ""), null, [mismatch]));
  if (!there.length && !missing.length) return null;
  return fold("fold headers", [count(headers.length, "header")], () => [el("dl", "", ...there, ...missing)], { open: mismatches.length > 0 });
}

function headerRow(name, value, mismatches) {
  return el("div", mismatches.length ? "marked-line" : "", el("dt", "", name),
    el("dd", value === null ? "quiet" : "", value ?? "not as expected", ...mismatches.map(markTag)));
}

function tracebackOf({ traceback, traceback_of: whose }) {
  return el("div", "part", el("h4", "", `The ${whose ?? "app"}'s traceback`), scrolled("pre", "traceback", "Traceback", traceback));
}

const SERIOUS = /^(WARNING|ERROR|CRITICAL)$/;

function saidOf(said) {
  const rows = said.map((one) => el("li", "",
    el("span", SERIOUS.test(one.level) ? "level serious" : "level", [one.level ?? one.source, one.logger].filter(Boolean).join(" ")),
    el("span", "words", one.text)));
  return el("div", "part", el("h4", "", "What the app said"), scrolled("div", "", "What the app said", el("ul", "said", ...rows)));
}

function curlOf(step) {
  return el("div", "part", el("div", "titled", el("h4", "", "Try it by hand"), copyButton("Copy curl", () => step.curl, step.step)),
    scrolled("pre", "curl", "The curl line", step.curl));
}

function savedOf(step) {
  const rows = Object.entries(step.saved).map(([name, json]) => el("div", "", el("dt", "", name), el("dd", "", pretty(json))));
  return el("div", "part", el("h4", "", "Saved"), el("dl", "values saved", ...rows));
}
