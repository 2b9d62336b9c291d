// What the list shows, and which check is open: it stands in the address, so that it can be sent to others.

const filters = { outcomes: new Set(), tag: "", file: "", target: "", text: "", check: null };
let listedPage = null;
let fileGroups = [];

function startFilters(page, groups) {
  [listedPage, fileGroups] = [page, groups];
  byId("chips").append(...chips(page.listed));
  choices("tag", page.listed.flatMap((check) => check.tags), 1);
  choices("file", page.listed.map((check) => check.file), 2);
  choices("target", page.listed.map((check) => check.target), 2);
  const search = byId("text");
  search.addEventListener("input", later(() => setFilter("text", search.value), 60));
  byId("clear").addEventListener("click", clearFilters);
  addEventListener("hashchange", () => location.hash === "#checks" || readAddress());
  readAddress();
}

function chips(checks) {
  return OUTCOMES.filter((outcome) => checks.some((check) => check.outcome === outcome)).map((outcome) => {
    const many = checks.filter((check) => check.outcome === outcome).length;
    const chip = button(`chip ${outcome}`, "", () => toggleOutcome(outcome), { "aria-pressed": "false", "data-outcome": outcome });
    chip.append(glyph(outcome), ` ${outcome} `, el("span", "many", number(many)));
    return chip;
  });
}

function choices(name, values, least) {
  const select = byId(name);
  const known = distinct(values);
  select.hidden = known.length < least;
  select.append(...known.map((value) => el("option", "", { value }, inline(value))));
  select.addEventListener("change", () => setFilter(name, select.value));
}

function later(act, wait) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

function setFilter(name, value) {
  filters[name] = value;
  apply();
}

function toggleOutcome(outcome) {
  if (!filters.outcomes.delete(outcome)) filters.outcomes.add(outcome);
  apply();
}

function clearFilters() {
  filters.outcomes.clear();
  Object.assign(filters, { tag: "", file: "", target: "", text: "" });
  apply();
}

function areSet() {
  return Boolean(filters.outcomes.size || filters.tag || filters.file || filters.target || filters.text);
}

/** Show what matches, say how many do, and write it into the address. */
function apply() {
  showChoices();
  const wanted = matcher();
  let many = 0;
  for (const group of fileGroups) {
    const shown = group.checks.filter((check) => !(check.item.hidden = !wanted(check))).length;
    group.section.hidden = !shown;
    if (shown && areSet()) group.section.open = true;
    many += shown;
  }
  const all = listedPage.listed.length;
  byId("shown").textContent = areSet() ? `${number(many)} of ${count(all, "check")}` : count(all, "check");
  byId("nothing").hidden = many > 0 || !all;
  writeAddress();
  drawTimeline();
}

function matcher() {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  return (check) =>
    (!filters.outcomes.size || filters.outcomes.has(check.outcome)) &&
    (!filters.tag || check.tags.includes(filters.tag)) &&
    (!filters.file || check.file === filters.file) &&
    (!filters.target || check.target === filters.target) &&
    words.every((word) => searched(check).includes(word));
}

function showChoices() {
  for (const chip of byId("chips").children) chip.setAttribute("aria-pressed", String(filters.outcomes.has(chip.dataset.outcome)));
  for (const name of ["tag", "file", "target"]) byId(name).value = filters[name];
  if (byId("text").value !== filters.text) byId("text").value = filters.text;
}

function writeAddress() {
  const parts = [
    ["check", filters.check], ["outcome", [...filters.outcomes].join(",")], ["tag", filters.tag], ["file", filters.file],
    ["target", filters.target], ["q", filters.text],
  ].filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`);
  const address = location.href.replace(/#.*$/, "") + (parts.length ? `#${parts.join("&")}` : "");
  if (address !== location.href) history.replaceState(null, "", address);
}

function readAddress() {
  const told = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
  const outcomes = (told.get("outcome") ?? "").split(",").filter((outcome) => OUTCOMES.includes(outcome));
  filters.outcomes = new Set(outcomes);
  Object.assign(filters, {
    tag: told.get("tag") ?? "", file: told.get("file") ?? "", target: told.get("target") ?? "", text: told.get("q") ?? "",
  });
  const linked = told.get("check");
  filters.check = linked;
  apply();
  if (linked !== null) openLinked(linked);
}

function openLinked(key) {
  const check = listedPage.listed.find((one) => one.key.toWellFormed() === key);
  if (check) goTo(check);
  else announce(`This page has no check ${inline(key)}`);
}

function setLink(key) {
  filters.check = key;
  writeAddress();
  drawTimeline();
}
