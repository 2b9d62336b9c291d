"""What runs of the selection, and in what order, through the real command line."""

import json
import re

import pytest

from asgi_probe.cli.ordering import order_from, seed_of, shard_of
from asgi_probe.engine.order import Shard
from asgi_probe.errors import UsageError

# what flags say


@pytest.mark.parametrize(
    ("text", "environ", "shard"),
    [
        ("1/1", {}, (1, 1)),
        ("2/5", {"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "4"}, (2, 5)),
        ("auto", {"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "4"}, (3, 4)),
        ("auto", {"CI_NODE_TOTAL": "1"}, (1, 1)),
        ("auto/4", {"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "4", "JOB_COMPLETION_INDEX": "0"}, (3, 4)),
        ("auto/5", {"JOB_COMPLETION_INDEX": "0"}, (1, 5)),
        ("auto/5", {"JOB_COMPLETION_INDEX": "4", "CI_NODE_INDEX": ""}, (5, 5)),
    ],
)
def test_shards(text, environ, shard):
    assert shard_of(text, environ) == Shard(*shard)


@pytest.mark.parametrize(
    ("text", "environ", "why"),
    [
        ("", {}, "expected K/N such as '2/5'"),
        ("2", {}, "expected K/N"),
        ("2/", {}, "expected K/N"),
        ("/5", {}, "expected K/N"),
        ("-1/5", {}, "expected K/N"),
        ("1/5/5", {}, "expected K/N"),
        ("٢/5", {}, "expected K/N"),
        ("9" * 5000 + "/5", {}, "expected K/N"),
        ("automatic", {}, "expected K/N"),
        ("auto/", {}, "expected K/N"),
        ("0/5", {}, "a shard from 1 to 5, found 0"),
        ("6/5", {}, "a shard from 1 to 5, found 6"),
        ("1/0", {}, "1 to 10,000 shards, found 0"),
        ("1/10001", {}, "1 to 10,000 shards, found 10001"),
        ("auto", {}, "neither CI_NODE_INDEX and CI_NODE_TOTAL nor JOB_COMPLETION_INDEX are set"),
        ("auto/5", {}, "neither CI_NODE_INDEX"),
        ("auto", {"JOB_COMPLETION_INDEX": "0"}, "as in --shard auto/5"),
        ("auto/5", {"JOB_COMPLETION_INDEX": "5"}, "from 1 to 5, found 6"),
        ("auto/5", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x', expected a whole number"),
        ("auto", {"CI_NODE_INDEX": "1"}, "CI_NODE_TOTAL is not set"),
        ("auto", {"CI_NODE_TOTAL": "3"}, "CI_NODE_INDEX is not set"),
        ("auto", {"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "3"}, "from 1 to 3, found 0"),
        ("auto/5", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "3"}, "CI_NODE_TOTAL says that there are 3"),
    ],
)
def test_wrong_shards_say_what_is_wrong(text, environ, why):
    with pytest.raises(UsageError) as caught:
        shard_of(text, environ)
    assert why in str(caught.value)
    assert str(caught.value).startswith("--shard '")
    assert len(str(caught.value)) < 300


def test_seeds():
    assert (seed_of("0"), seed_of("007"), seed_of("9" * 18)) == (0, 7, 10**18 - 1)
    drawn = {seed_of("random") for _ in range(20)}
    assert len(drawn) > 10
    assert all(0 <= seed < 1_000_000 for seed in drawn)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "9" * 19, "٣", " 1"])
def test_wrong_seeds(text):
    with pytest.raises(UsageError, match="expected a whole number of at most 18 digits"):
        seed_of(text)


@pytest.mark.parametrize("flag", ["last_failed", "failed_first"])
def test_no_cache_and_what_needs_it(flag):
    flags = {"last_failed": False, "failed_first": False, flag: True}
    with pytest.raises(UsageError, match=f"or --{flag.replace('_', '-')}"):
        order_from(**flags, shuffle=None, shard=None, repeat=None, no_cache=True)


# the command line

A = """\
setup: [{get: /ok}]
checks:
  - {name: one, get: /ok}
  - {name: two, get: '/status/${two}'}
"""
B = """\
checks:
  - {name: three, get: /ok}
  - {name: four, get: '/status/${four}'}
  - {name: five, get: /ok}
  - {name: six, skip: not now, get: /ok}
"""
ALL = ["a.yaml::one", "a.yaml::two", "b.yaml::three", "b.yaml::four", "b.yaml::five", "b.yaml::six"]


@pytest.fixture
def specs(project):
    project.write("a.yaml", A)
    project.write("b.yaml", B)
    return project


def probe(project, *args, two=200, four=200, **environment):
    """Run it, with the statuses that two checks get; what began, in order."""
    ran = project.probe("--var", f"two={two}", "--var", f"four={four}", "-j", "1", ".", *args, **environment)
    return ran, began(project)


def began(project):
    return [event["id"] for event in project.events("check_started") if not event["id"].endswith("::setup")]


def listed(project, *args):
    ran = project.command("list", "--var", "two=200", "--var", "four=200", ".", *args)
    assert ran.exit == 0, ran.said
    return [line.partition("  ")[0] for line in ran.out.splitlines()], ran.err


def test_last_failed(specs):
    assert probe(specs, two=500, four=500)[0].exit == 1
    assert listed(specs, "--lf") == (["a.yaml::two", "b.yaml::four"], "--last-failed: 2 of 6 checks failed last\n")
    ran, ids = probe(specs, "--last-failed", four=500)
    assert (ran.exit, ids) == (1, ["a.yaml::two", "b.yaml::four"])
    assert "--last-failed: 2 of 6 checks failed last\n" in ran.out
    ran, ids = probe(specs, "--lf")
    assert (ran.exit, ids) == (0, ["b.yaml::four"])
    ran, ids = probe(specs, "--lf")
    assert (ran.exit, ids) == (0, ALL)
    assert "--last-failed: nothing of this failed last, so all of it runs: 6 checks\n" in ran.out


def test_last_failed_of_a_selection(specs):
    probe(specs, four=500)
    assert listed(specs, "--lf", "-k", "five or six")[0] == ["b.yaml::five", "b.yaml::six"]
    assert listed(specs, "--lf", "-k", "four or six")[0] == ["b.yaml::four"]
    # what did not run keeps what is known of it
    probe(specs, "-k", "five")
    assert listed(specs, "--lf")[0] == ["b.yaml::four"]


def test_a_failed_setup_or_teardown_stands_for_its_file(specs):
    specs.write("a.yaml", A.replace("get: /ok}]", "get: '/status/${setup}'}]").replace("${two}", "200"))
    # stopped before any check of the file has run
    specs.probe("--var", "setup=500", "a.yaml", "-x")
    assert (
        "a.yaml::setup"
        in json.loads((specs.root / ".asgi_probe_cache/last.json").read_text())["targets"]["app"]["failed"]
    )
    listed_now = specs.command("list", "--lf", "--var", "setup=200", "--var", "four=200", ".").out
    assert re.findall(r"\S+::\S+", listed_now) == ["a.yaml::one", "a.yaml::two"]
    specs.probe("--var", "setup=200", "a.yaml")
    specs.write("a.yaml", A + "teardown: [{get: /status/500}]\n")
    ran, _ = probe(specs)
    assert ran.exit == 1
    assert listed(specs, "--lf")[0] == ["a.yaml::one", "a.yaml::two"]


def test_failed_first(specs):
    probe(specs, four=500)
    expected = ["b.yaml::four", "b.yaml::three", "b.yaml::five", "b.yaml::six", "a.yaml::one", "a.yaml::two"]
    assert listed(specs, "--failed-first")[0] == expected
    ran, ids = probe(specs, "--ff")
    assert (ran.exit, ids) == (0, expected)
    assert probe(specs, "--ff")[1] == ALL


def test_a_target_has_its_own_failures(specs):
    specs.write(
        "pyproject.toml",
        "[tool.asgi-probe.targets]\nx = {app = 'app:app'}\ny = {app = 'app:without_lifespan'}\n",
    )
    args = ["--var", "two=200", "--var", "four=500", "."]
    specs.run("--target", "x", *args)
    assert listed(specs, "--lf", "--target", "x")[0] == ["b.yaml::four"]
    assert listed(specs, "--lf", "--target", "y")[0] == ALL
    # who does not say whom to ask means whomever
    assert listed(specs, "--lf")[0] == ["b.yaml::four"]


def test_a_broken_cache_breaks_nothing(specs):
    folder = specs.root / ".asgi_probe_cache"
    folder.mkdir()
    (folder / "last.json").write_text('{"version": 1, "targets": {"app": ["x"')
    ran, ids = probe(specs, "--lf", "--shard", "1/1", four=500)
    assert (ran.exit, ids, ran.err) == (1, ALL, "")
    assert listed(specs, "--lf")[0] == ["b.yaml::four"]


def test_a_cache_that_cannot_be_written_breaks_nothing(specs):
    (specs.root / ".asgi_probe_cache").write_text("in the way")
    ran, ids = probe(specs, "--lf")
    assert (ran.exit, ids, ran.err) == (0, ALL, "")


def test_no_cache(specs):
    probe(specs, "--no-cache", four=500)
    probe(specs, four=500, ASGI_PROBE_NO_CACHE="1")
    assert not (specs.root / ".asgi_probe_cache").exists()
    ran = specs.probe("--no-cache", "--lf", ".")
    assert (ran.exit, "--no-cache leaves nothing to know" in ran.err) == (2, True)


def test_two_runs_at_the_same_time_add_up(specs):
    specs.write("slow.yaml", "checks: [{name: slow, get: /sleep/0.5, expect: 500}]")
    specs.write("fast.yaml", "checks: [{name: fast, get: /ok, expect: 500}]")
    running = [specs.start("--app", "app:app", f"{name}.yaml") for name in ("slow", "fast", "fast", "slow")]
    for process in running:
        process.communicate(timeout=60)
    assert {process.returncode for process in running} == {1}
    assert sorted(listed(specs, "--lf")[0]) == ["fast.yaml::fast", "slow.yaml::slow"]


def test_shards_one_after_the_other_run_all_once(specs):
    for _ in ("by hash", "by durations"):
        found = []
        for number in (1, 2, 3):
            ran, ids = probe(specs, "--shard", f"{number}/3")
            assert ran.exit == 0, ran.said
            assert specs.events("run_started")[0]["shard"] == f"{number}/3"
            assert f" · shard {number}/3\n" in ran.out
            assert listed(specs, "--shard", f"{number}/3")[0] == ids
            assert ("a.yaml::one" in ids) is ("a.yaml::two" in ids)
            found += ids
        assert sorted(found) == sorted(ALL)
        probe(specs)
    assert re.search(r"shard 3/3 is balanced by the durations of the last run: \w{8}, which must be so on all", ran.out)


def test_an_empty_shard_is_green(project):
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    ran = [project.probe("a.yaml", "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert [each.exit for each in ran] == [0, 0, 0]
    empty = [number for number, each in enumerate(ran, 1) if "nothing to run" in each.out]
    assert len(empty) == 2
    assert project.log == ["startup", "shutdown"]
    told = project.probe("a.yaml", "--shard", f"{empty[0]}/3")
    assert f"shard {empty[0]}/3 holds none of the 1 check: nothing to run\n" in told.out
    started, finished = project.events()
    assert (started["shard"], started["checks"], started["target"]["name"]) == (f"{empty[0]}/3", 0, "app")
    assert (finished["exit_code"], finished["outcomes"]) == (0, {})
    assert project.command("list", "a.yaml", "--shard", f"{empty[0]}/3").out == ""
    live = project.run("--base-url", "http://ann:hunter22@127.0.0.1:1", "a.yaml", "--shard", f"{empty[0]}/3")
    assert (live.exit, project.events()[0]["target"]["address"]) == (0, "http://127.0.0.1:1")
    assert project.probe("a.yaml", "--shard", f"{empty[0]}/3", "-k", "nothing of that").exit == 4


def test_a_shard_of_what_failed_last_may_be_empty(specs):
    probe(specs, two=500)
    codes = {}
    for number in (1, 2):
        ran, ids = probe(specs, "--lf", "--shard", f"{number}/2", two=500)
        codes[ran.exit] = ids
    assert codes == {0: [], 1: ["a.yaml::two"]}


def test_shards_from_the_variables_of_ci(specs):
    by_hand = probe(specs, "--shard", "2/3")[1]
    gitlab = {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}
    assert probe(specs, "--shard", "auto", **gitlab)[1] == by_hand
    assert probe(specs, "--shard", "auto/3", JOB_COMPLETION_INDEX="1")[1] == by_hand
    assert probe(specs, ASGI_PROBE_SHARD="auto", **gitlab)[1] == by_hand
    # nobody asked for a part: all of it
    assert probe(specs, **gitlab)[1] == ALL


def test_repeat(specs):
    ran, ids = probe(specs, "--repeat", "3", "-k", "one or four", "-j", "1", four=500)
    assert ids == [
        *("a.yaml::one", "a.yaml::one #2", "a.yaml::one #3"),
        *("b.yaml::four", "b.yaml::four #2", "b.yaml::four #3"),
    ]
    assert ran.exit == 1
    assert "3 passed, 3 failed" in ran.out
    # as it was named, so that it can be found again
    assert re.findall(r"^  asgi-probe run .* --repeat 3 (\S+)$", ran.out, re.MULTILINE) == ["b.yaml::four"]
    assert listed(specs, "--lf")[0] == ["b.yaml::four"]
    assert listed(specs, "--lf", "--repeat", "2")[0] == ["b.yaml::four", "b.yaml::four #2"]
    assert [event["id"] for event in specs.events("check_started")].count("a.yaml::setup") == 1


def test_too_many_repetitions(specs):
    ran = specs.command("list", "--var", "two=1", "--var", "four=1", ".", "--repeat", "999999999")
    assert (ran.exit, "are more than 1,000,000" in ran.err) == (2, True)
    assert specs.command("list", ".", "--repeat", "0").exit == 2


def test_shuffle(specs):
    ran, ids = probe(specs, "--shuffle")
    assert ran.exit == 0, ran.said
    (seed,) = re.findall(r"^shuffled with seed (\d+); again with --shuffle=\1$", ran.out, re.MULTILINE)
    assert f" · shuffled with seed {seed}\n" in ran.out
    assert specs.events("run_started")[0]["seed"] == int(seed)
    assert sorted(ids) == sorted(ALL)
    assert probe(specs, f"--shuffle={seed}")[1] == ids
    assert probe(specs, ASGI_PROBE_SHUFFLE=seed)[1] == ids
    assert listed(specs, f"--shuffle={seed}")[0] == ids
    assert probe(specs, "--shuffle", ASGI_PROBE_SHUFFLE="x")[0].exit == 0
    assert len({tuple(listed(specs, f"--shuffle={seed}")[0]) for seed in range(6)}) > 1


def test_shuffle_takes_no_path_for_its_seed(specs):
    ran = specs.probe("--var", "two=200", "--var", "four=200", "--shuffle", "b.yaml", "--")
    assert (ran.exit, sorted(began(specs))) == (0, sorted(ALL[2:]))
    assert specs.probe("--shuffle=b.yaml").exit == 2
    specs.write("--shuffle", "checks: [{name: odd, get: /ok}]")
    assert specs.command("list", "--", "--shuffle").said.count("--shuffle=") == 0


def test_failed_first_of_a_shuffle(specs):
    probe(specs, four=500)
    ids = listed(specs, "--shuffle=5", "--ff")[0]
    assert ids[0] == "b.yaml::four"
    assert [each for each in ids if each[0] == "a"] == [
        each for each in listed(specs, "--shuffle=5")[0] if each[0] == "a"
    ]


# flaky


FLAKY = """\
checks:
  - {name: wobbly, get: '/flaky/2', retry: {times: 3, delay: 0}}
  - {name: steady, get: /ok}
"""


@pytest.mark.parametrize(("args", "code"), [([], 0), (["--fail-on-flaky"], 1)])
def test_fail_on_flaky(project, args, code):
    project.write("a.yaml", FLAKY)
    ran = project.probe("a.yaml", *args)
    assert project.outcomes() == {"wobbly": "flaky", "steady": "passed"}
    assert (ran.exit, project.end["exit_code"]) == (code, code)
    why = "1 check was flaky, and --fail-on-flaky is set"
    assert project.end["reason"] == (why if code else None)
    assert ran.out.rstrip().endswith(f", exit code 1: {why}") is bool(code)
    # a check that passed is not one that failed
    assert "run again" not in ran.out


def test_fail_on_flaky_says_nothing_of_what_failed_or_was_steady(project):
    project.write("a.yaml", FLAKY + "  - {name: red, get: /status/500}\n")
    ran = project.probe("a.yaml", ASGI_PROBE_FAIL_ON_FLAKY="1")
    assert (ran.exit, "fail-on-flaky" in ran.out, project.end["reason"]) == (1, False, None)
    assert project.probe("a.yaml", "--fail-on-flaky", "-k", "steady").exit == 0


def test_a_flaky_setup_is_flaky(project):
    project.write("a.yaml", "setup: [{get: '/flaky/2', retry: {times: 3, delay: 0}}]\nchecks: [{get: /ok}]\n")
    assert project.probe("a.yaml").exit == 0
    ran = project.probe("a.yaml", "--fail-on-flaky")
    assert (ran.exit, "exit code 1: 1 check was flaky" in ran.out) == (1, True)


# several targets


TARGETS = """\
[tool.asgi-probe.targets.plain]
app = "app:app"
[tool.asgi-probe.targets.moved]
app = "app:app"
root_path = "/api"
vars = {}
[tool.asgi-probe.targets.down]
base_url = "http://127.0.0.1:1"
""".replace("vars = {}\n", "")
COMPARED = """\
setup: [{get: /ok}]
checks:
  - {name: alike, get: /ok}
  - {name: of one, get: '/${target_name}', expect: {json: {ok: true}}}
  - {name: unlike, get: /echo, expect: {jsonpath: {$.root_path: /api}}}
  - {name: never, skip: not now, get: /ok}
"""


@pytest.fixture
def compared(project):
    project.write("pyproject.toml", TARGETS)
    project.write("a.yaml", COMPARED)
    return project


def timeless(text):
    return re.sub(r"[\d.]+ (ms|s)\b", "TIME", text)


def test_several_targets_side_by_side(compared):
    ran = compared.run("--targets", "plain,moved", "a.yaml")
    assert ran.exit == 1, ran.said
    started = compared.events("run_started")[0]
    assert [target["name"] for target in started["targets"]] == ["plain", "moved"]
    assert (started["specs"], started["checks"]) == (["a.yaml"], 8)
    for kind in ("check_started", "step_finished", "check_finished"):
        assert [event["target"] for event in compared.events(kind)] == sorted(
            (event["target"] for event in compared.events(kind)), reverse=True
        )
        assert {event["target"] for event in compared.events(kind)} == {"plain", "moved"}
    assert len(compared.events("check_finished")) == 10
    told = timeless(ran.out)
    assert "8 checks in 1 file," in told
    assert "✗ a.yaml  on plain  2 passed, 1 failed, 1 skipped  TIME\n" in told
    assert "✓ a.yaml  on moved  3 passed, 1 skipped  TIME\n" in told
    table = told.partition("side by side")[2].partition("\n\n")[0].splitlines()
    assert [line.split() for line in table] == [
        ["plain", "moved"],
        ["a.yaml::unlike", "✗", "failed", "TIME", "✓", "passed", "TIME"],
        ["same", "outcome", "on", "both:", "3", "checks,", "different:", "1", "check"],
    ]
    assert "\n  asgi-probe run --target plain a.yaml::unlike\n" in told
    assert re.findall(r"TIME  (\S+)  on (\w+)", told.partition("slowest")[2]) or "slowest" not in told


def test_one_target_is_compared_with_nobody(compared):
    ran = compared.run("--targets", "plain", "a.yaml")
    assert (ran.exit, "side by side" in ran.out) == (1, False)
    assert "\n  asgi-probe run --target plain a.yaml::unlike\n" in ran.out


def test_all_rows_with_v_and_targets_in_the_order_they_were_named(compared):
    ran = compared.run("a.yaml", "-v", "--shuffle", ASGI_PROBE_TARGETS="moved, plain")
    heads, *rows = timeless(ran.out).partition("side by side")[2].partition("\n\n")[0].splitlines()
    assert heads.split() == ["moved", "plain"]
    assert sorted(line.split("  ")[1] for line in rows[:-1]) == [
        "a.yaml::alike",
        "a.yaml::never",
        "a.yaml::of one",
        "a.yaml::unlike",
    ]
    assert [event["target"] for event in compared.events("check_started")] == ["moved"] * 5 + ["plain"] * 5


def test_last_failed_of_several_targets_is_each_ones_own(compared):
    compared.run("--targets", "plain,moved", "a.yaml")
    ran = compared.run("--targets", "plain,moved", "a.yaml", "--lf")
    assert ran.exit == 1
    assert [(event["target"], event["id"]) for event in compared.events("check_started")] == [
        ("plain", "a.yaml::setup"),
        ("plain", "a.yaml::unlike"),
    ]


def test_one_that_is_down_does_not_keep_the_others(compared):
    ran = compared.run("--targets", "down,moved", "a.yaml")
    assert ran.exit == 1
    told = timeless(ran.out)
    assert "a.yaml::alike" in told.partition("side by side")[2]
    assert "! error" in told
    assert "different: 3 checks" in told or "different: 4 checks" in told


def test_shards_keep_what_is_compared_together(compared):
    compared.write("a.yaml", COMPARED.partition("\n")[2])
    found = []
    for number in (1, 2):
        compared.run("--targets", "plain,moved", "a.yaml", "--shard", f"{number}/2")
        here = [event["id"] for event in compared.events("check_started")]
        assert sorted(here) == sorted([*{*here}] * 2)
        found += here
    assert len(found) == 8


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--targets", "plain,nowhere"], "no target 'nowhere' is configured"),
        (["--targets", "plain,plain"], "expected different names of targets"),
        (["--targets", "plain,"], "expected different names of targets"),
        (["--targets", ""], "--targets is empty"),
        (["--targets", "plain", "--target", "moved"], "--target and --targets exclude each other"),
        (["--targets", "plain", "--app", "app:app"], "--app and --targets exclude each other"),
        (["--targets", "plain", "--base-url", "http://h"], "--base-url and --targets exclude each other"),
    ],
)
def test_targets_that_make_no_sense(compared, args, why):
    ran = compared.run(*args, "a.yaml")
    assert (ran.exit, why in ran.err) == (2, True), ran.said


def test_what_is_wrong_with_a_spec_is_told_once(compared):
    compared.write("a.yaml", "checks: [{get: '/${nobody}'}]")
    ran = compared.run("--targets", "plain,moved", "a.yaml")
    assert (ran.exit, "1 problem in 1 file" in ran.err) == (2, True)


def test_targets_are_selected_from_once(compared):
    ran = compared.run("--targets", "plain,moved", "a.yaml", "-k", "nothing of that")
    assert (ran.exit, "of 4 in all" in ran.err) == (4, True)


def test_the_target_that_a_file_names_itself_gives_way(compared):
    compared.write("a.yaml", "target: down\nchecks: [{name: one, get: /ok}]\n")
    assert compared.run("--targets", "plain,moved", "a.yaml").exit == 0


def test_files_that_name_several_targets_are_not_compared(compared):
    compared.write("a.yaml", "target: plain\nchecks: [{name: one, get: /ok}]\n")
    compared.write("b.yaml", "target: moved\nchecks: [{name: one, get: /status/500}]\n")
    ran = compared.run(".")
    assert "✓ a.yaml  on plain  1 passed" in ran.out
    assert "✗ b.yaml  on moved  1 failed" in ran.out
    assert "side by side" not in ran.out
    assert "\n  asgi-probe run b.yaml::one\n" in ran.out


# needs


NEEDED = "setup: [{get: /noted/login}]\nchecks: [{name: first, get: /ok}]\n"
PLAIN = "setup: [{get: /noted/login}]\nprocedures: {}\n"


@pytest.mark.parametrize(("needed", "own"), [(NEEDED, ["z/login.yaml::first"]), (PLAIN, [])])
@pytest.mark.parametrize(
    "args",
    [["--shuffle=1"], ["--shuffle=2"], ["--shuffle=3"], ["--shard", "1/2"], ["--shard", "2/2"], ["--lf"], ["--ff"],
     ["-k", "user"], ["--ff", "--shuffle=4"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_needed_runs_first_whatever_the_order(project, needed, own, args):
    project.write("z/login.yaml", needed)
    for name in "abc":
        project.write(f"{name}.yaml", f"needs: z/login.yaml\nchecks: [{{name: user, get: '/status/${{{name}}}'}}]")
    given = ["--var", "a=200", "--var", "b=200", "--var"]
    project.probe(*given, "c=500", ".")
    ran = project.probe(*given, "c=200", ".", "-j", "4", *args)
    assert ran.exit == 0, ran.said
    ids = began(project)
    users = [each for each in ids if each.endswith("::user")]
    assert ids[: len(own)] == own
    if users:
        assert project.log.count("login") == 2
    if args[0] in ("--lf", "--ff") and len(args) == 1:
        assert users[0] == "c.yaml::user"
        assert len(users) == (1 if args == ["--lf"] else 3)
