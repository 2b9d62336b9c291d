const FEW = 40;
const MOST_TAGS = 4;

/** The list of checks, file by file: rows now, what is below a row when it is opened. */
function makeList(page) {
  const groups = byFile(page.listed);
  const failing = groups.some((group) => group.failing);
  for (const group of groups) {
    group.section = fileSection(group);
    group.section.open = !failing || page.listed.length <= FEW || group.failing;
  }
  byId("files").append(...groups.map((group) => group.section));
  return groups;
}

function fileSection(group) {
  const about = [
    el("h3", "", group.file),
    group.spec && !group.file.includes(group.spec) ? el("span", "quiet", group.spec) : null,
    group.target ? el("span", "tag", group.target) : null,
    el("span", "counts", ...countsOf(group.checks)),
  ];
  return el("details", "file", el("summary", "", ...about), el("ol", "rows", ...group.checks.map(checkItem)));
}

function countsOf(checks) {
  return OUTCOMES.map((outcome) => [outcome, checks.filter((check) => check.outcome === outcome).length])
    .filter(([, many]) => many)
    .map(([outcome, many]) => el("span", outcome, glyph(outcome), ` ${number(many)}`, el("span", "unseen", ` ${outcome}`)));
}

function checkItem(check) {
  const why = whyOf(check);
  check.button = button("row", "", () => toggle(check), { "aria-expanded": "false" });
  check.button.append(glyph(check.outcome, { spoken: true }), el("span", "title",
    el("span", "name", check.name), ...check.tags.slice(0, MOST_TAGS).map((tag) => el("span", "tag", tag)),
    why ? el("span", `why ${check.outcome}`, shortened(why)) : null),
  el("span", "took", check.availability === undefined ? null : el("span", "share", `${percent(check.availability)} green`), check.steps.length ? duration(check.duration) : null));
  check.item = el("li", `check ${check.outcome}`, check.button);
  check.button.check = check;
  return check.item;
}

function shortened(text) {
  return text.length > 240 ? `${text.slice(0, 240)}…` : text;
}

function toggle(check) {
  if (isOpen(check)) close(check);
  else open(check);
}

function isOpen(check) {
  return check.button.getAttribute("aria-expanded") === "true";
}

/** Show what is below the row. */
function open(check, { link = true } = {}) {
  if (!check.detail) {
    check.detail = el("div", "detail", { id: `${check.anchor}-detail` }, ...checkDetail(check));
    check.item.append(check.detail);
    check.button.setAttribute("aria-controls", check.detail.id);
  }
  check.item.classList.add("open");
  check.detail.hidden = false;
  check.button.setAttribute("aria-expanded", "true");
  if (link) setLink(check.key);
}

function close(check) {
  check.item.classList.remove("open");
  check.detail.hidden = true;
  check.button.setAttribute("aria-expanded", "false");
  setLink(null);
}

/** Open a check wherever it is, and bring it before the reader. */
function goTo(check) {
  if (!check.item) return;
  check.item.closest("details").open = true;
  if (check.item.hidden || check.item.closest("details").hidden) clearFilters();
  open(check);
  check.item.scrollIntoView({ block: "start", behavior: "instant" });
  check.button.focus({ preventScroll: true });
}
