"""What the documents say of `asgi-probe serve`: its example runs, its tables name all that there is."""

import re
import shlex
import subprocess
import sys
import time

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families

from asgi_probe.cli.app import app
from tests.cli.project import Project
from tests.documents import REFERENCE, blocks, named, section, served, table, tables, tour
from tests.serving.runs import Served, check, run

SECTION = section("asgi-probe serve")


def flags(command: str) -> set[str]:
    root = typer.main.get_command(app)
    found = root.get_command(typer.Context(root), command)
    return {name for each in found.params if each.param_type_name == "option" for name in each.opts}


def test_its_flags() -> None:
    ((_, *rows),) = [rows for rows in tables(SECTION) if rows[0][0] == "flag"]
    assert set(named(rows)) == flags("serve") - flags("run")


def test_flags_that_mean_nothing_to_it() -> None:
    (sentence,) = re.findall(r"^(`--last-failed`.*) and how to tell mean nothing here", SECTION, re.MULTILINE)
    told = {"--verbose", "-v", "--quiet", "-q", "--show-logs", "--show-credentials", "--tb"}
    assert flags("run") - flags("serve") == set(re.findall(r"`(--[\w-]+)`", sentence)) | told | {"--lf", "--ff"}


def test_what_is_served() -> None:
    paths = Served().ask("/openapi.json").json()["paths"]
    assert set(named(table("served"))) == {*paths, "/openapi.json"}


def test_its_metrics() -> None:
    known = Served()
    known.add(run(check()))
    families = {each.name for each in text_string_to_metric_families(known.ask("/metrics").text)}
    ((_, *rows),) = [rows for rows in tables(SECTION) if rows[0][0] == "metric of `serve`"]
    told = re.findall(r"`(asgi_probe_\w+?)(?:_total)?(?:\{[\w,]+\})?`", "".join(map("".join, rows)))
    assert set(told) == families


def stable(text: str, port: str) -> str:
    text = text.replace(f":{port}/", ":8646/")
    text = re.sub(r"2\d{3}-\d\d-\d\dT[\d:.]+(\+00:00|Z)", "MOMENT", text)
    return re.sub(r"[\d.]+ m?s\b|(?<=\"duration\":)[\d.]+", "TIME", text)


def test_the_example(tmp_path) -> None:
    (tmp_path / "tour").mkdir()
    ((_, shown),) = [block for block in blocks(REFERENCE, "console") if block[0] == "serves"]
    ((_, asked),) = [block for block in blocks(REFERENCE, "console") if block[0] == "served"]
    command, *printed = shown.splitlines()
    with served() as base_url:
        tour(tmp_path / "tour", base_url)
        process = subprocess.Popen(
            [sys.executable, "-m", "asgi_probe", *shlex.split(command)[2:], "--port", "0"],
            cwd=tmp_path / "tour",
            env=Project(tmp_path / "other").environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        try:
            lines = [process.stdout.readline().rstrip("\n") for _ in printed]
            port = re.search(r":(\d+)/", lines[0])[1]
            assert stable("\n".join(lines), port) == stable("\n".join(printed), "8646")
            for line, answer in zip(*2 * [iter(asked.splitlines())], strict=True):
                url = line.removeprefix("$ curl ").replace("8646", port)
                got = httpx.get(url, trust_env=False).text
                wanted = stable(answer.removesuffix(", …"), "8646")
                assert stable(got, port)[: len(wanted)] == wanted
        finally:
            process.terminate()
            began = time.monotonic()
            assert process.wait(30) == 0
            assert time.monotonic() - began < 20
            process.stdout.close()
    assert (tmp_path / "tour" / "probes.sqlite").exists()
