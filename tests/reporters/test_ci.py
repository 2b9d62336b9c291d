"""The reference's examples for CI systems do what they show."""

import re
import shlex
import sys

import pytest
import yaml

from tests.cli.project import Project
from tests.documents import README, REFERENCE, blocks, ran, real, tour


def example(language, mark):
    ((_, text),) = [block for block in blocks(REFERENCE, language) if block[0] == mark]
    return text


def gitlab():
    job = yaml.safe_load(example("yaml", "runs in GitLab"))["smoke"]
    (command,) = job["script"]
    return command, list(job["artifacts"]["reports"].values())


def jenkins():
    text = example("groovy", "runs in Jenkins")
    return re.search("sh '(.*)'", text)[1], re.findall("junit '(.*)'", text)


def actions():
    steps = yaml.safe_load(example("yaml", "runs in GitHub Actions"))["jobs"]["smoke"]["steps"]
    command, comment = [step["run"] for step in steps if "run" in step][1:]
    return command, re.findall("--body-file (\\S+)", comment)


@pytest.mark.parametrize("job", [gitlab, jenkins, actions])
def test_a_job_writes_the_reports_that_it_hands_over(job, tmp_path):
    command, reports = job()
    project = Project(tmp_path / "shop")
    project.write(
        "pyproject.toml", '[tool.asgi-probe]\ntarget = "app"\n[tool.asgi-probe.targets.app]\napp = "app:app"\n'
    )
    project.write("specs/a.yaml", "checks: [{get: /}, {get: /status/404}]\n")
    assert project.command(*command.removeprefix("asgi-probe ").split()).exit == 1
    assert reports
    assert all((project.root / report).stat().st_size > 2 for report in reports)


def test_a_run_writes_what_the_readme_asks_for(tmp_path):
    ((_, shown),) = [block for block in blocks(README, "console") if block[0] == "runs with reports"]
    tour(tmp_path, "http://127.0.0.1:9")
    done = ran(tmp_path, sys.executable, "-m", "asgi_probe", *shlex.split(real(shown, ""))[2:])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ p95(time) < 2s" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "junit.xml"}


def in_a_shop(folder, command):
    """What the shell says of the command in a project of one check that holds and one that does not."""
    project = Project(folder / "shop")
    project.write(
        "pyproject.toml", '[tool.asgi-probe]\ntarget = "app"\n[tool.asgi-probe.targets.app]\napp = "app:app"\n'
    )
    project.write("specs/a.yaml", "checks: [{get: /}, {get: /status/404}]\n")
    script = command.removeprefix("$ ").replace("asgi-probe", f"{shlex.quote(sys.executable)} -m asgi_probe")
    return ran(project.root, "sh", "-c", script)


def test_a_filter_reads_what_is_not_ok(tmp_path):
    done = in_a_shop(tmp_path, example("console", "runs with tap"))
    assert re.fullmatch(r"not ok [12] - specs/a\.yaml::GET /status/404\n", done.stdout)


def test_a_timer_leaves_metrics_where_they_are_collected(tmp_path):
    place = "/var/lib/node_exporter/textfile"
    shown = example("console", "runs with prometheus")
    assert place in shown
    done = in_a_shop(tmp_path, shown.replace(place, str(tmp_path / "textfile")))
    assert done.returncode == 1
    assert 'asgi_probe_success{target="app"} 0.0' in (tmp_path / "textfile" / "shop.prom").read_text().splitlines()


def test_a_script_reads_the_document_and_its_schema(tmp_path):
    project = Project(tmp_path / "shop")
    project.write("specs/a.yaml", "checks: [{get: /}, {get: /status/404}]\n")
    assert project.command("run", "--app", "app:app", "--report", "json=report.json").exit == 1
    done = ran(project.root, sys.executable, "-c", example("python", "runs with a report"))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["failed specs/a.yaml::GET /status/404", "passed specs/a.yaml::GET /"]
