"""Which checks run: paths, places, names, tags; what `list` and `lint` say of them."""

import re

import pytest

A = """\
name: The A side
tags: [a]
vars: {who: ann}
checks:
  - name: first
    tags: [smoke]
    get: /ok
  - name: second of ${who}
    tags: [slow]
    get: /ok
    expect:
      status: 200

  - name: third
    skip: not ${who}'s day
    get: /ok
"""
B = "checks: [{get: /ok}, {get: /ok}, {name: first, get: /ok}]\n"
FIRST, SECOND, THIRD = "specs/a.yaml::first", "specs/a.yaml::second of ann", "specs/a.yaml::third"
OTHERS = ["specs/deep/b.yml::GET /ok", "specs/deep/b.yml::GET /ok (2)", "specs/deep/b.yml::first"]


@pytest.fixture
def specs(project):
    project.write("specs/a.yaml", A)
    project.write("specs/deep/b.yml", B)
    project.write("specs/.hidden/c.yaml", "not: a spec\n")
    return project


def listed(project, *args, **environment):
    ran = project.command("list", *args, **environment)
    assert ran.exit == 0, ran.said
    return [line.partition("  ")[0] for line in ran.out.splitlines()]


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        ([], [FIRST, SECOND, THIRD, *OTHERS]),
        (["specs"], [FIRST, SECOND, THIRD, *OTHERS]),
        (["specs/a.yaml"], [FIRST, SECOND, THIRD]),
        (["specs/deep/b.yml", "specs/a.yaml"], [*OTHERS, FIRST, SECOND, THIRD]),
        (["specs/a.yaml", "specs/a.yaml"], [FIRST, SECOND, THIRD]),
        (["specs/*.yaml"], [FIRST, SECOND, THIRD]),
        (["specs/**/*.yml"], OTHERS),
        (["specs/a.yaml:5"], [FIRST]),
        (["specs/a.yaml:7"], [FIRST]),
        (["specs/a.yaml:12"], [SECOND]),
        (["specs/a.yaml:999"], [THIRD]),
        (["specs/a.yaml:12", "specs/a.yaml::first"], [FIRST, SECOND]),
        (["specs/a.yaml::second of ann"], [SECOND]),
        (["specs/deep/b.yml::GET /ok (2)"], [OTHERS[1]]),
        (["-t", "smoke"], [FIRST]),
        (["--tag", "a and not (smoke or slow)"], [THIRD]),
        (["-t", "not a"], OTHERS),
        (["-k", "first"], [FIRST, OTHERS[2]]),
        (["-k", "second of"], [SECOND]),
        (["specs/deep", "-k", "FIRST"], [OTHERS[2]]),
        (["-k", "first", "-k", "not second"], [FIRST, OTHERS[2]]),
        (["-t", "a", "-t", "slow or smoke", "-t", "not slow"], [FIRST]),
        (["-t", "smoke or slow", "-k", "not second"], [FIRST]),
        (["specs/a.yaml:12", "-t", "slow"], [SECOND]),
        (["--var", "who=bob", "-k", "bob"], ["specs/a.yaml::second of bob"]),
    ],
)
def test_selecting(specs, args, ids):
    assert listed(specs, *args) == ids


def test_the_environment_gives_one_expression(specs):
    assert listed(specs, ASGI_PROBE_TAG="a and not  (smoke or slow)") == [THIRD]
    assert listed(specs, "-t", "slow", ASGI_PROBE_TAG="smoke") == [SECOND]


def test_from_a_folder_below(specs):
    specs.write("pyproject.toml", '[tool.asgi-probe]\nspecs = ["specs/a.yaml"]\n')
    ran = specs.command("list", cwd="specs/deep")
    assert [line.partition("  ")[0] for line in ran.out.splitlines()] == [FIRST, SECOND, THIRD]
    ran = specs.command("list", "b.yml:1", cwd="specs/deep")
    assert [line.partition("  ")[0] for line in ran.out.splitlines()] == [OTHERS[2]]


def test_run_runs_what_was_selected_and_no_more(specs):
    assert specs.probe("specs/a.yaml::first", "specs/deep").exit == 0
    assert [event["id"] for event in specs.events("check_started")] == [FIRST, *OTHERS]


def test_bare_run(specs):
    specs.write(
        "pyproject.toml",
        """
        [tool.asgi-probe]
        specs = ["specs"]
        target = "shop"
        [tool.asgi-probe.targets.shop]
        app = "app:app"
        """,
    )
    ran = specs.command("run")
    assert ran.exit == 0
    assert "5 passed, 1 skipped" in ran.out
    assert re.search("○ third +skipped: not ann's day", ran.out)


def test_files_of_procedures_alone_have_no_checks(project):
    project.write("lib/login.yaml", "procedures: {login: [{post: /echo}]}")
    project.write("lib/more.yaml", "procedures: {more: [{post: /echo}]}")
    for ran in (project.probe("lib/login.yaml"), project.command("list", "lib/login.yaml")):
        assert ran.exit == 4
        assert "there are no checks, only procedures, in lib/login.yaml: run a file that uses them" in ran.err
    assert "in lib/login.yaml, lib/more.yaml: run" in project.probe("lib", "-t", "smoke").err


def test_bare_run_with_its_own_file(specs):
    specs.write(
        "asgi-probe.toml", 'specs = "specs/deep"\ntarget = "shop"\n[targets.shop]\napp = "app.py"\nlifespan = "off"\n'
    )
    assert specs.command("run").exit == 0
    assert specs.log == []


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["-t", "smok"], 4, "no check matches --tag 'smok', of 6 in all; there are the tags: a, slow, smoke"),
        (["-k", "nothing of that"], 4, "matches -k 'nothing of that'"),
        (["-k", "specs"], 4, "matches -k 'specs'"),
        (["-k", "yaml or deep"], 4, "matches -k 'yaml or deep'"),
        (["-t", "smoke", "-t", "slow"], 4, "matches --tag 'smoke' and --tag 'slow'"),
        (["-t", ""], 2, "a word is expected"),
        (["-k", ""], 2, "a word is expected"),
        (["-k", "(" * 50_000], 2, "more than 1,000 words and brackets"),
        (["-k", "not " * 25_000 + "a"], 2, "more than 1,000 words and brackets"),
        (["-t", "(" * 400 + "a" + ")" * 400], 2, "brackets stand deeper than 50"),
        (["-t", "smoke and"], 2, "a word is expected, found the end"),
        (["-t", "(smoke"], 2, "a bracket is not closed"),
        (["-k", "first )"], 2, "')' stands where 'and' or 'or' is expected"),
        (["specs/a.yaml::secund"], 2, "specs/a.yaml has no check 'secund'"),
        (["specs/a.yaml::frst"], 2, "did you mean 'first'?"),
        (["specs/a.yaml:2"], 2, "specs/a.yaml:2: no check stands there; the first begins at line 5"),
        (["specs/b.yaml"], 2, "specs/b.yaml"),
        (["nowhere", "specs/*.yoml"], 2, "specs/*.yoml"),
        (["app.py"], 2, "app.py"),
    ],
)
@pytest.mark.parametrize("command", ["run", "list"])
def test_what_selects_nothing(specs, command, args, code, told):
    ran = specs.command(command, *(["--app", "app:app"] if command == "run" else []), *args)
    assert ran.exit == code, ran.said
    assert told in ran.err
    assert specs.log == []


def test_an_empty_folder(project):
    (project.root / "specs").mkdir()
    assert project.probe("specs").exit in (2, 4)


def test_nowhere_to_look(project):
    ran = project.command("run", "--app", "app:app")
    assert (ran.exit, "no specs to run" in ran.err) == (2, True)


def test_nobody_to_ask(specs):
    ran = specs.command("run")
    assert (ran.exit, "no target" in ran.err, "--base-url" in ran.err) == (2, True, True)


def test_list_shows_tags_skips_and_places(specs):
    told = specs.command("list").out.splitlines()
    assert told[0] == "specs/a.yaml::first  [a, smoke]  specs/a.yaml:5"
    assert told[2] == "specs/a.yaml::third  [a]  skipped: not ann's day  specs/a.yaml:14"
    assert told[3] == "specs/deep/b.yml::GET /ok  specs/deep/b.yml:1"


def test_list_and_lint_take_a_target(specs):
    specs.write("pyproject.toml", '[tool.asgi-probe.targets.shop]\napp = "not.there:app"\n')
    assert listed(specs, "--target", "shop", "specs/a.yaml") == [FIRST, SECOND, THIRD]
    for command in ("list", "lint"):
        ran = specs.command(command, "--target", "shap", "specs/a.yaml")
        assert (ran.exit, "did you mean 'shop'" in ran.err) == (2, True)


def test_lint_sends_nothing_and_imports_nothing(specs):
    ran = specs.command("lint", "specs", "--color", "never")
    assert (ran.exit, ran.out) == (0, "6 checks in 2 files, no problems\n")
    assert specs.log == []


def test_lint_with_variables(project):
    project.write("a.yaml", "checks: [{get: '/${where}'}]")
    project.write("v.yaml", "where: there\n")
    assert project.command("lint", "a.yaml").exit == 2
    assert project.command("lint", "--var", "where=here", "a.yaml").exit == 0
    assert project.command("lint", "--vars-file", "v.yaml", "a.yaml").exit == 0
    assert listed(project, "--vars-file", "v.yaml", "a.yaml", "-t", "not x") == ["a.yaml::GET /${where}"]


@pytest.mark.parametrize(
    ("command", "codes"),
    [("run", [0, 1, 2, 3, 4, 70, 130, 143]), ("lint", [0, 1, 2, 4, 70]), ("list", [0, 1, 2, 4, 70])],
)
def test_help_has_examples_and_exit_codes(project, command, codes):
    ran = project.command(command, "--help", COLUMNS="80")
    assert ran.exit == 0
    examples, _, told = ran.out.partition("Examples")[2].partition("Exit codes")
    # none of them too long for its line
    assert {line[:15] for line in examples.splitlines() if line.strip()} == {"   asgi-probe " + command[0]}
    assert [int(code) for code in re.findall(r"^ +(\d+)  ", told, re.MULTILINE)] == codes


@pytest.mark.parametrize("command", [[], ["run"], ["lint"], ["list"]])
def test_help_is_for_people(project, command):
    ran = project.command(*command, "--help", COLUMNS="80")
    assert ran.exit == 0
    assert not re.search(r"<\w+|list\[|…", ran.out)
    assert re.search(r"--help +-h", ran.out)


def test_nothing_said_is_a_call_for_help(project):
    ran = project.command()
    assert ran.exit in (0, 2)  # what it is depends on the version of click
    assert all(word in ran.said for word in ("Usage: asgi-probe", "run", "lint", "list"))


def test_a_flag_that_is_none(project):
    ran = project.command("run", "--nope")
    assert ran.exit == 2
    assert "Try 'asgi-probe run --help' for help" in ran.err


def test_completion(project):
    ran = project.command(_ASGI_PROBE_COMPLETE="complete_bash", COMP_WORDS="asgi-probe l", COMP_CWORD="1")
    assert ran.out.split() == ["lint", "list"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(project, flag):
    from asgi_probe import __version__

    ran = project.command(flag)
    assert (ran.exit, ran.out) == (0, f"asgi-probe {__version__}\n")


def test_version_beside_others(project):
    assert project.command("--version", "run").out.startswith("asgi-probe ")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{ap: 'shop:app'}", "a.yaml:1:10: error: unknown key 'ap'"),
        ("{app: [1]}", "a.yaml:1:15: error: expected a text, found a list"),
        ("{app: a, base_url: 'http://h'}", "a.yaml:1:9: error: a target takes either 'app' or 'base_url'"),
        ("nowhere", "a.yaml:1:9: error: no target 'nowhere' is configured"),
    ],
)
def test_a_spec_with_a_wrong_target(project, target, message):
    project.write("a.yaml", f"target: {target}\nchecks: [{{get: /}}]")
    ran = project.run("a.yaml")
    assert ran.exit == 2
    assert message in ran.err


def test_an_unknown_target_of_the_command_line(project):
    project.write("a.yaml", "checks: [{get: /}]")
    ran = project.run("--target", "nowhere", "a.yaml")
    assert ran.exit == 2
    assert "no target 'nowhere' is configured: there are none" in ran.err
