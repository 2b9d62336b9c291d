const dialog = byId("help");

function startKeys() {
  document.addEventListener("keydown", onKey);
  byId("help-button").addEventListener("click", () => dialog.showModal());
  byId("help-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

const KEYS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), f: nextFailure,
  "/": () => byId("text").select(), "?": () => dialog.showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && typing) return void typing.blur();
  const arrow = event.key.startsWith("Arrow");
  const scrolls = arrow && !event.target.matches(".row, body");
  if (typing || scrolls || !KEYS[event.key] || (arrow && event.target === document.body)) return;
  event.preventDefault();
  KEYS[event.key]();
}

function rowsShown() {
  return [...document.querySelectorAll("details.file[open]:not([hidden]) > .rows > .check:not([hidden]) > .row")];
}

/** The row that has the focus, or in whose detail it is. */
function currentRow() {
  return document.activeElement?.closest(".check")?.firstChild ?? null;
}

function step(by) {
  const rows = rowsShown();
  const at = rows.indexOf(currentRow());
  const next = rows[at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** Open the next check in the list that did not pass, from the top again behind the last. */
function nextFailure() {
  const all = fileGroups.flatMap((group) => group.checks);
  const behind = all.slice(all.indexOf(currentRow()?.check) + 1);
  const next = [...behind, ...all].find((check) => check.failing && !check.item.hidden);
  if (next) goTo(next);
  else announce("No check that is shown did not pass.");
}
