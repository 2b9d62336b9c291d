const MOST_PRINTED = 300;

function start() {
  const page = readPage();
  document.title = `${byId("seal").textContent} ${document.querySelector("h1").textContent} · ${document.title}`;
  byId("started").textContent = moment(page.run.started.started_at);
  startTheme();
  showHistory(page.run.history);
  showTimes(page.run, page.checks);
  showSlowest(page.listed);
  foldCards();
  byId("main").hidden = false;
  startTimeline(page.checks);
  const groups = makeList(page);
  byId("filters").hidden = byId("cards").hidden = !page.checks.length;
  startFilters(page, groups);
  startKeys();
  startPrinting(page);
}

/** On a small screen the checks come first. */
function foldCards() {
  if (!matchMedia("(max-width: 700px)").matches) return;
  for (const card of byId("cards").children) card.open = false;
}

function startTheme() {
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (prefers.matches ? "dark" : "light")) === "dark";
  const show = () => {
    byId("theme").textContent = isDark() ? "Light" : "Dark";
    byId("theme").setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
    recolour();
  };
  const kept = remembered("theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", document.documentElement.dataset.theme);
    show();
  });
  prefers.addEventListener("change", show);
  show();
}

// a page from disk, or in a frame, may have no storage
function remembered(name) {
  try {
    return localStorage.getItem(`asgi-probe-${name}`);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`asgi-probe-${name}`, value);
  } catch {
    announce("Kept for this page only.");
  }
}

/** On paper everything that did not pass is open. */
function startPrinting(page) {
  const openAll = () => {
    for (const notice of document.querySelectorAll("details.notice")) notice.open = true;
    for (const check of page.listed.filter((one) => one.failing && !one.item.hidden).slice(0, MOST_PRINTED)) {
      check.item.closest("details").open = true;
      open(check, { link: false });
    }
  };
  addEventListener("beforeprint", openAll);
  matchMedia("print").addEventListener("change", (query) => query.matches && openAll());
}

start();
