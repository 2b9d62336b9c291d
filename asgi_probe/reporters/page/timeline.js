// Who did what when: a lane for each worker, drawn on a canvas, since there may be many thousand bars.

const AXIS = 22;
const SAME_MOMENT = 2e-4;
const timeline = { lanes: [], end: 0, from: 0, to: 0, height: 0, colours: null, canvas: null, hovered: null };

function startTimeline(checks) {
  const box = byId("timeline");
  if (!checks.length) {
    byId("timeline-card").hidden = true;
    return;
  }
  timeline.canvas = box.querySelector("canvas");
  timeline.lanes = lanesOf(checks);
  timeline.end = checks.reduce((end, check) => Math.max(end, check.at + check.duration), 0) || 0.001;
  timeline.to = timeline.end;
  sizeTimeline(150);
  listenToTimeline(box);
  new ResizeObserver(drawTimeline).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
}

/** Part a height, in pixels, among the lanes. */
function sizeTimeline(tall) {
  const many = timeline.lanes.length;
  timeline.height = Math.min(tall > 150 ? 28 : 20, Math.max(2, Math.floor(tall / many)));
  byId("timeline").style.setProperty("height", `${many * timeline.height + AXIS}px`);
}

function enlarge() {
  const large = byId("timeline-card").classList.toggle("wide");
  byId("enlarge").setAttribute("aria-pressed", String(large));
  byId("enlarge").textContent = large ? "Smaller" : "Larger";
  sizeTimeline(large ? 360 : 150);
}

/** The checks of each worker in the order of their starts; where two ran at once they get a lane each. */
function lanesOf(checks) {
  const lanes = [];
  for (const check of checks) {
    let lane = lanes.find((one) => one.worker === check.worker && one.end <= check.at + SAME_MOMENT);
    if (!lane) {
      lane = { worker: check.worker, end: 0, checks: [] };
      lanes.push(lane);
    }
    lane.checks.push(check);
    lane.end = check.at + check.duration;
  }
  return lanes.sort((one, other) => one.worker - other.worker);
}

function recolour() {
  timeline.colours = null;
  drawTimeline();
}

/** What the style says, as the canvas wants it. */
function colours() {
  if (timeline.colours) return timeline.colours;
  const probe = el("span", "unseen");
  byId("timeline").append(probe);
  const read = (name) => {
    probe.style.setProperty("color", `var(--${name})`);
    return getComputedStyle(probe).color;
  };
  timeline.colours = Object.fromEntries([...OUTCOMES, "line", "quiet", "text", "surface"].map((name) => [name, read(name)]));
  probe.remove();
  return timeline.colours;
}

let frame = 0;

function drawTimeline() {
  if (!timeline.canvas || frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    paint(timeline.canvas);
  });
}

function paint(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas.parentElement;
  if (!width) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "11px system-ui, sans-serif";
  paintAxis(pen, width, height);
  const chosen = matcher();
  const background = (check) => !check.failing || !chosen(check);
  // what did not pass is painted last: where bars are narrower than a pixel it must be what is seen
  paintLanes(pen, width, (check) => background(check), chosen);
  paintLanes(pen, width, (check) => !background(check), chosen);
}

function paintLanes(pen, width, wanted, chosen) {
  timeline.lanes.forEach((lane, at) => {
    for (const check of lane.checks) {
      if (wanted(check)) paintCheck(pen, check, AXIS + at * timeline.height, width, chosen(check) ? 1 : 0.15);
    }
  });
}

function paintAxis(pen, width, height) {
  const { line, quiet } = colours();
  const step = niceStep((timeline.to - timeline.from) / Math.max(2, width / 110));
  for (let at = Math.ceil(timeline.from / step) * step; at <= timeline.to; at += step) {
    const x = Math.round(xOf(at, width)) + 0.5;
    pen.fillStyle = line;
    pen.fillRect(x, 16, 1, height);
    pen.fillStyle = quiet;
    pen.fillText(at < step / 2 ? "0" : axisLabel(at, step), x + (x < 4 ? 0 : -pen.measureText(axisLabel(at, step)).width / 2), 11);
  }
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

function axisLabel(at, step) {
  if (timeline.to < 1) return `${Number((at * 1000).toFixed(step < 0.001 ? 2 : 0))} ms`;
  return step < 1 ? `${Number(at.toFixed(3))} s` : duration(at).replace(".00", "");
}

function xOf(at, width) {
  return ((at - timeline.from) / (timeline.to - timeline.from)) * width;
}

function paintCheck(pen, check, y, width, alpha) {
  const [left, right] = [xOf(check.at, width), xOf(check.at + check.duration, width)];
  if (right < 0 || left > width) return;
  const wide = Math.max(right - left - 0.5, 1.2);
  const tall = timeline.height - (timeline.height > 6 ? 3 : timeline.height > 3 ? 1 : 0.5);
  const inSteps = wide >= 14 && check.steps.length > 1;
  pen.fillStyle = colours()[check.outcome];
  // paler, so that who sees no colours sees what did not pass
  pen.globalAlpha = alpha * (inSteps ? 0.3 : strength(check.outcome));
  box(pen, left, y + 1, wide, tall);
  if (inSteps) for (const step of check.steps) paintStep(pen, step, y + 1, tall, width, alpha * strength(step.outcome));
  pen.globalAlpha = alpha;
  if (wide > 70 && tall > 13) label(pen, check, left, wide, y + 1 + tall / 2 + 4);
  if (check === timeline.hovered || check.key === filters.check) outline(pen, colours().text, left, y, wide, tall);
  pen.globalAlpha = 1;
}

function strength(outcome) {
  return GREEN.has(outcome) ? 0.6 : 1;
}

function paintStep(pen, step, y, tall, width, alpha) {
  pen.globalAlpha = alpha;
  const left = xOf(step.at, width);
  pen.fillStyle = colours()[step.outcome];
  pen.fillRect(left, y + 1, Math.max(xOf(step.at + step.duration, width) - left - 0.5, 1), tall - 2);
}

function box(pen, left, y, wide, tall) {
  pen.beginPath();
  pen.roundRect(left, y, wide, tall, Math.min(3, wide / 3));
  pen.fill();
}

function label(pen, check, left, wide, y) {
  const from = Math.max(left, 0) + 6;
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, Math.max(left + wide - from - 4, 0), 1e5);
  pen.clip();
  pen.fillStyle = check.failing ? colours().surface : colours().text;
  pen.fillText(inline(check.name.slice(0, 200)), from, y);
  pen.restore();
}

function outline(pen, colour, left, y, wide, tall) {
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.strokeRect(left - 0.5, y + 0.5, wide + 1, tall + 1);
}

/** Show more or less of the time around a place; `factor` below 1 shows less. */
function zoomTimeline(factor, around = (timeline.from + timeline.to) / 2) {
  const span = Math.min(timeline.end, Math.max((timeline.to - timeline.from) * factor, timeline.end / 1e5, 1e-5));
  const share = (around - timeline.from) / (timeline.to - timeline.from);
  moveTimeline(around - share * span, span);
}

function moveTimeline(from, span = timeline.to - timeline.from) {
  timeline.from = Math.min(Math.max(from, 0), timeline.end - span);
  timeline.to = timeline.from + span;
  drawTimeline();
}

function listenToTimeline(place) {
  byId("zoom-in").addEventListener("click", () => zoomTimeline(0.5));
  byId("zoom-out").addEventListener("click", () => zoomTimeline(2));
  byId("zoom-all").addEventListener("click", () => zoomTimeline(1e9));
  byId("enlarge").addEventListener("click", enlarge);
  place.addEventListener("wheel", onWheel, { passive: false });
  place.addEventListener("keydown", onTimelineKey);
  place.addEventListener("pointerdown", onPress);
  place.addEventListener("pointermove", onMove);
  place.addEventListener("pointerleave", () => hover(null));
}

// a plain wheel scrolls the page, as everywhere; on the timeline that has the focus it zooms
function onWheel(event) {
  const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (!sideways && !event.ctrlKey && !event.metaKey && document.activeElement !== event.currentTarget) return;
  event.preventDefault();
  const span = timeline.to - timeline.from;
  if (sideways) moveTimeline(timeline.from + (event.deltaX / event.currentTarget.clientWidth) * span);
  else zoomTimeline(1.0025 ** event.deltaY, timeAt(event));
}

function timeAt(event) {
  const { left, width } = byId("timeline").getBoundingClientRect();
  return timeline.from + ((event.clientX - left) / width) * (timeline.to - timeline.from);
}

function onTimelineKey(event) {
  const span = timeline.to - timeline.from;
  const acts = {
    "+": () => zoomTimeline(0.5), "=": () => zoomTimeline(0.5), "-": () => zoomTimeline(2), "0": () => zoomTimeline(1e9),
    ArrowLeft: () => moveTimeline(timeline.from - span / 5), ArrowRight: () => moveTimeline(timeline.from + span / 5),
  };
  if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  acts[event.key]();
}

function onPress(pressed) {
  const place = pressed.currentTarget;
  const [start, from] = [pressed.clientX, timeline.from];
  const span = timeline.to - timeline.from;
  let dragged = false;
  const drag = (event) => {
    dragged ||= Math.abs(event.clientX - start) > 4;
    if (dragged) moveTimeline(from - ((event.clientX - start) / place.clientWidth) * span);
  };
  const release = (event) => {
    removeEventListener("pointermove", drag);
    removeEventListener("pointerup", release);
    removeEventListener("pointercancel", release);
    const check = event.type === "pointerup" && !dragged ? checkAt(event) : null;
    if (check) goTo(check);
  };
  addEventListener("pointermove", drag);
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
}

/** The check under the pointer, or one that is some pixels away. */
function checkAt(event) {
  const { top, width } = byId("timeline").getBoundingClientRect();
  const lane = timeline.lanes[Math.floor((event.clientY - top - AXIS) / timeline.height)];
  const [at, near] = [timeAt(event), (3 / width) * (timeline.to - timeline.from)];
  const reached = (lane?.checks ?? []).filter((check) => check.at - near <= at && at <= check.at + check.duration + near);
  return reached.find((check) => check.at <= at && at <= check.at + check.duration) ?? reached[0] ?? null;
}

function onMove(event) {
  hover(checkAt(event), event);
}

function hover(check, event) {
  const tip = byId("timeline").querySelector(".tip");
  tip.hidden = !check;
  byId("timeline").classList.toggle("pointing", Boolean(check));
  if (check) {
    tip.replaceChildren(glyph(check.outcome), el("b", "", ` ${shortened(check.name)}`), el("br", ""),
      el("span", "quiet", `${duration(check.duration)} at +${duration(check.at)}, worker ${check.worker}`));
    const { left, top, width } = byId("timeline").getBoundingClientRect();
    tip.style.setProperty("left", `${Math.max(0, Math.min(event.clientX - left + 12, width - tip.offsetWidth))}px`);
    tip.style.setProperty("top", `${event.clientY - top + 16}px`);
  }
  if (timeline.hovered !== check) {
    timeline.hovered = check;
    drawTimeline();
  }
}
