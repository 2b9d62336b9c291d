const WIDTH = 320;
const HEIGHT = 96;
const BINS = 24;

/** How the response times lie, on a logarithmic scale, with p50, p95 and p99. */
function showTimes(run, checks) {
  const times = checks.flatMap((check) => check.steps.flatMap((step) => step.times)).sort((one, other) => one - other);
  if (!times.length) {
    byId("times").append(el("p", "quiet", "No request was answered."));
    return;
  }
  const told = run.finished.times ?? { p50: rank(times, 0.5), p95: rank(times, 0.95), p99: rank(times, 0.99), longest: times.at(-1) };
  const rows = [["p50", told.p50], ["p95", told.p95], ["p99", told.p99], ["longest", told.longest]];
  byId("times").append(histogram(times, told),
    el("dl", "marks", ...rows.map(([name, value]) => el("div", "", el("dt", "", name), el("dd", "", duration(value))))));
}

function rank(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

function histogram(times, marks) {
  const [low, high] = boundsOf(times);
  const place = (seconds) => ((Math.log10(Math.max(seconds, 1e-5)) - low) / (high - low)) * WIDTH;
  const bins = new Array(BINS).fill(0);
  for (const time of times) bins[Math.min(BINS - 1, Math.max(0, Math.floor((place(time) / WIDTH) * BINS)))] += 1;
  const label = `${count(times.length, "request")}: half took at most ${duration(marks.p50)}, 95 % ${duration(marks.p95)}, 99 % ${duration(marks.p99)}`;
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 16}`, class: "histogram", role: "img", "aria-label": label },
    ...bins.map((many, at) => bar(many / Math.max(...bins), at)),
    ...percentileMarks(["p50", "p95", "p99"].map((name) => [name, place(marks[name])])),
    svg("text", { x: 0, y: HEIGHT + 13 }, duration(10 ** low)),
    svg("text", { x: WIDTH, y: HEIGHT + 13, "text-anchor": "end" }, duration(10 ** high)));
}

/** The ends of the scale, as powers of ten: times that are much alike stand in its middle. */
function boundsOf(times) {
  const [low, high] = [Math.log10(Math.max(times[0], 1e-5)), Math.log10(Math.max(times.at(-1), 1e-5))];
  return high - low > 0.1 ? [low, high] : [low - 0.3, high + 0.3];
}

function bar(share, at) {
  const tall = share ? Math.max(share * (HEIGHT - 18), 2) : 0;
  const wide = WIDTH / BINS;
  return svg("rect", { x: at * wide + 0.75, y: HEIGHT - tall, width: wide - 1.5, height: tall, rx: 1.5, class: "bar" });
}

/** A line for each, its name beside those that would stand in its way. */
function percentileMarks(marks) {
  let free = WIDTH - 10;
  const texts = new Map();
  for (const [name, x] of [...marks].reverse()) {
    texts.set(name, Math.max(Math.min(x, free), 10 + 24 * (marks.length - texts.size - 1)));
    free = texts.get(name) - 24;
  }
  return marks.map(([name, x]) => svg("g", { class: "percentile" },
    svg("line", { x1: Math.min(Math.max(x, 1), WIDTH - 1), x2: Math.min(Math.max(x, 1), WIDTH - 1), y1: 12, y2: HEIGHT }),
    svg("text", { x: texts.get(name), y: 8, "text-anchor": "middle" }, name)));
}

function showSlowest(checks) {
  const slowest = checks.filter((check) => check.outcome !== "skipped").sort((one, other) => other.duration - one.duration).slice(0, 6);
  byId("slowest-card").hidden = !slowest.length;
  const several = distinct(checks.map((check) => check.target)).length > 1;
  byId("slowest").append(...slowest.map((check) => slowItem(check, slowest[0].duration, several)));
}

function slowItem(check, longest, several) {
  const share = (check.duration / longest) * 100;
  const meter = svg("svg", { class: "meter", viewBox: "0 0 100 3", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { width: share, height: 3, class: check.outcome }));
  const link = button("slow", "", () => goTo(check));
  link.append(glyph(check.outcome, { spoken: true }), el("span", "name", check.name, several ? el("span", "quiet", ` on ${check.target}`) : null),
    el("span", "took", duration(check.duration)));
  return el("li", "", link, meter);
}

/** The last runs, where the page knows of them: a bar each, as tall as the run was long. */
function showHistory(runs) {
  if (!runs?.length) return;
  const longest = Math.max(...runs.map((run) => run.duration), 1e-9);
  const green = runs.filter((run) => run.exit_code === 0).length;
  byId("history").append(
    el("p", "quiet small", `${number(green)} of the last ${count(runs.length, "run")} ${green === 1 ? "was" : "were"} green.`),
    el("ol", "runs", ...runs.map((run) => runItem(run, run.duration / longest))));
  byId("history").hidden = false;
}

function runItem(run, share) {
  const outcome = run.exit_code === 0 ? "passed" : "failed";
  const tally = OUTCOMES.filter((one) => run.outcomes[one]).map((one) => `${number(run.outcomes[one])} ${one}`).join(", ");
  const told = `${moment(run.started_at)}: ${tally || "nothing ran"} in ${duration(run.duration)}`;
  const bar = svg("svg", { viewBox: "0 0 10 40", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { y: 40 - Math.max(share * 40, 3), width: 10, height: 40, class: outcome }));
  return el("li", "", { title: told }, bar, el("span", "unseen", `${GLYPHS[outcome]} ${told}`));
}

/** A moment as people here read it, the text itself where it is none. */
function moment(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}
