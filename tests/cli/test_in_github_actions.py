"""In GitHub Actions a run tells them of itself, without being asked."""

import pytest

SPEC = """
    checks:
      - {name: fine, get: /health}
      - name: gone
        get: /health
        expect: 404
"""


@pytest.fixture
def actions(project):
    """The environment of a step whose project is a folder of the checkout."""
    project.write("specs/a.yaml", SPEC)
    summary = project.root / "summary.md"
    summary.write_text("of others\n")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(project.root.parent),
        "GITHUB_STEP_SUMMARY": str(summary),
    }


ANNOTATION = "::error file=project/specs/a.yaml,line=6,col=13,endColumn=16,title=gone::status: expected 404, got 200\n"


def test_it_is_on_by_itself(project, actions):
    ran = project.probe("specs", **actions)
    assert ran.exit == 1
    assert ran.out.endswith(ANNOTATION)
    assert ran.out.count("::error") == 1
    text = (project.root / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("of others\n\n\n### ❌ asgi-probe: 1 passed, 1 failed\n")


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--report", "github=off"], {}),
        ([], {"GITHUB_ACTIONS": "false"}),
        ([], {"ASGI_PROBE_REPORT": "github=off"}),
    ],
)
def test_it_can_be_off(project, actions, flags, environment):
    ran = project.command("run", "--app", "app:app", *flags, "specs", **actions | environment)
    assert ran.exit == 1
    assert "::error" not in ran.said
    assert (project.root / "summary.md").read_text() == "of others\n"
    assert not (project.root / "off").exists()


def test_elsewhere_it_is_there_for_those_who_ask(project, actions):
    del actions["GITHUB_ACTIONS"]
    ran = project.probe("--report", "github=own/s.md", "specs", **actions)
    assert ran.out.endswith(ANNOTATION)
    assert (project.root / "own/s.md").read_text(encoding="utf-8").startswith("### ❌ asgi-probe")
    assert (project.root / "summary.md").read_text() == "of others\n"


def test_the_step_s_own_summary_may_be_asked_for(project, actions):
    ran = project.probe("--report", f"github={actions['GITHUB_STEP_SUMMARY']}", "specs", **actions)
    assert ran.out.count("::error") == 1
    assert (project.root / "summary.md").read_text(encoding="utf-8").count("### ❌") == 1
    assert (project.root / "summary.md").read_text(encoding="utf-8").startswith("of others\n")


def test_annotations_go_where_the_console_goes(project, actions):
    ran = project.command("run", "--app", "app:app", "--report", "json=-", "specs", **actions)
    assert ran.out.startswith('{"format":1,')
    assert "::error" not in ran.out
    assert ran.err.endswith(ANNOTATION)


@pytest.mark.parametrize("path", ["{root}", "/dev/full", "{root}/app.py/summary.md"])
def test_a_summary_that_nobody_asked_for_fails_no_run(project, actions, path):
    project.write("specs/a.yaml", "checks: [{get: /health}]")
    actions["GITHUB_STEP_SUMMARY"] = path.format(root=project.root)
    ran = project.probe("specs", **actions)
    assert ran.exit == 0, ran.said
    assert "warning: the report '" in ran.out


def test_a_summary_that_was_asked_for_does(project, actions):
    project.write("specs/a.yaml", "checks: [{get: /health}]")
    actions["GITHUB_STEP_SUMMARY"] = "/dev/full"
    ran = project.probe("--report", "github=/dev/full", "specs", **actions)
    assert ran.exit == 1
    assert "error: the report 'github=/dev/full' was not written: no space left on device" in ran.out


def test_no_summary_no_harm(project, actions):
    del actions["GITHUB_STEP_SUMMARY"]
    ran = project.probe("specs", **actions)
    assert ran.exit == 1
    assert ran.out.endswith(ANNOTATION)
    assert "warning" not in ran.out


def test_a_green_run_annotates_nothing(project, actions):
    project.write("specs/a.yaml", "checks: [{get: /health}]")
    ran = project.probe("specs", **actions)
    assert ran.exit == 0
    assert "::" not in ran.out.partition("\n")[2]
    assert "### ✅ asgi-probe: 1 passed" in (project.root / "summary.md").read_text(encoding="utf-8")


def test_an_app_that_does_not_start_is_an_error(project, actions):
    project.write("dead.py", "async def app(scope, receive, send): raise OSError('no database')\n")
    ran = project.probe("--lifespan", "on", "specs", app="dead:app", **actions)
    assert ran.exit == 3, ran.said
    assert ran.out.splitlines()[-1].startswith("::error title=asgi-probe::")
    assert "### ❌ asgi-probe: nothing ran" in (project.root / "summary.md").read_text(encoding="utf-8")


def test_one_request_tells_them_nothing(project, actions):
    ran = project.command("get", "/health", "-e", "status=404", "--app", "app:app", **actions)
    assert ran.exit == 1
    assert "::error" not in ran.said
    ran = project.command(
        "get", "/health", "-e", "status=404", "--app", "app:app", "--report", "github=s.md", **actions
    )
    assert ran.out.splitlines()[-1].startswith("::error title=GET /health::status: expected 404")
