/** What the page holds: the run, and its checks in the order in which they ended. */
function readPage() {
  const run = JSON.parse(byId("run-data").textContent);
  const source = byId("checks-data");
  const checks = JSON.parse(`[${source.textContent.trim().replaceAll("\n", ",")}]`);
  source.remove();
  checks.sort((one, other) => one.at - other.at);
  nameAll(checks, run.availability ?? {});
  return { run, checks, listed: checks.filter((check) => check.phase === "steps" || check.failing) };
}

/** Give each check a key of its own: its id, and its target where several were asked the same. */
function nameAll(checks, availability) {
  const known = new Map();
  checks.forEach((check, at) => {
    check.key = known.has(check.id) ? `${check.id} @${check.target}` : check.id;
    while (known.has(check.key)) check.key += "'";
    known.set(check.key, check);
    check.anchor = `c${at}`;
    check.failing = !GREEN.has(check.outcome);
    check.availability = availability[check.id];
  });
}

/** In a line why a check ended as it did; null for what simply passed. */
function whyOf(check) {
  if (check.outcome === "passed") return null;
  const mismatch = check.mismatches[0] ?? check.steps.find((step) => step.mismatches.length)?.mismatches[0];
  if (check.failing && mismatch) return `${mismatch.path ?? mismatch.where}: ${mismatch.message}`;
  return check.reason;
}

/** Everything about a check that is searched, in small letters; made when it is first asked for. */
function searched(check) {
  check.haystack ??= [check.id, check.name, check.spec, check.target, ...check.tags, whyOf(check) ?? "", check.reason ?? "",
    ...check.steps.map((step) => `${step.step} ${step.method ?? ""} ${step.status ?? ""} ${step.request?.url ?? ""}`)].join("\n").toLowerCase();
  return check.haystack;
}

/** The checks by file, those of several targets each by themselves: first the files in which something did not pass. */
function byFile(checks) {
  const several = new Set(checks.map((check) => check.target)).size > 1;
  const groups = new Map();
  for (const check of checks) {
    const key = several ? `${check.file}\n${check.target}` : check.file;
    if (!groups.has(key)) groups.set(key, { file: check.file, spec: check.spec, target: several ? check.target : null, checks: [] });
    groups.get(key).checks.push(check);
  }
  for (const group of groups.values()) {
    group.failing = group.checks.some((check) => check.failing);
    group.checks.sort((one, other) => one.line - other.line || one.at - other.at);
  }
  const byName = [...groups.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => group);
  return [...byName.filter((group) => group.failing), ...byName.filter((group) => !group.failing)];
}

/** The distinct values, sorted. */
function distinct(values) {
  return [...new Set(values)].sort();
}
