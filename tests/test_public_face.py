"""What `asgi_probe` offers: every name is there, typed, and costs nothing until it is asked for."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import asgi_probe

ROOT = Path(__file__).parent.parent
FACE = {
    "run", "load", "Result", "Specs", "CheckInfo", "Probe", "blocking",
    "Event", "RunStarted", "CheckStarted", "StepFinished", "CheckFinished", "Warned", "RunFinished",
    "Outcome", "Mismatch",
    "ProbeError", "SpecError", "UsageError", "TargetError", "NothingSelected", "ExitCode", "__version__",
}  # fmt: skip


def test_the_face_is_what_it_is():
    assert set(asgi_probe.__all__) == FACE
    assert list(asgi_probe.__all__) == sorted(FACE)
    assert set(dir(asgi_probe)) >= FACE


@pytest.mark.parametrize("name", sorted(FACE))
def test_every_name_is_there_and_says_what_it_is(name):
    found = getattr(asgi_probe, name)
    assert name in ("__version__", "Event") or found.__doc__


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'asgi_probe' has no attribute 'rum'"):
        _ = asgi_probe.rum
    with pytest.raises(ImportError):
        from asgi_probe import rum  # noqa: F401


def imported(code):
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(ran.stdout.split())


def test_the_module_alone_imports_nothing():
    # where coverage starts every process, `__future__` is there before
    assert imported("import asgi_probe") | {"__future__"} == {"__future__", "asgi_probe"}


def test_what_hooks_need_is_light():
    light = imported("from asgi_probe import blocking, SpecError, Event")
    assert light.isdisjoint({"httpx", "typer", "rich", "yaml", "jinja2", "asgi_probe.library"})
    assert imported("from asgi_probe import run, load, Result").isdisjoint({"typer", "rich", "fastapi", "pydantic"})


def test_the_types_are_told(tmp_path):
    path = tmp_path / "usage.py"
    path.write_text(
        dedent(
            """
            from pathlib import Path

            import asgi_probe
            from asgi_probe import CheckFinished, Event, Outcome, Probe, Specs, StepFinished, blocking, load, run


            def watch(event: Event) -> None:
                match event:
                    case StepFinished(request=request) if request is not None:
                        reveal_type(request.url)
                    case CheckFinished(outcome=Outcome.FAILED, mismatches=mismatches):
                        reveal_type(mismatches[0].message)


            async def main(app: object) -> None:
                result = await run("specs", app=app, tags="smoke", on_event=watch, timeout=1.5)
                reveal_type(result)
                reveal_type(result.outcomes)
                reveal_type([check.outcome for check in result.checks])
                assert result.ok, result.text()
                result.raise_for_failures()
                reveal_type(await asgi_probe.run([Path("a.yaml"), "b.yaml"], base_url="http://x", variables={"a": 1}))
                specs: Specs = load(Path("specs"))
                reveal_type(specs.checks[0].line)
                await run("specs", ap=app)
                await run(1)
                await asgi_probe.rum()
                result.ok = False


            @blocking
            def looks(probe: Probe, table: str = "items") -> None:
                reveal_type(probe.vars)


            reveal_type(looks)
            """
        )
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--no-error-summary", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = re.findall(r'note: Revealed type is "(.*)"|error: .*\[([\w-]+)\]', checked.stdout.replace("builtins.", ""))
    assert [revealed or error for revealed, error in told] == [
        "str",
        "str",
        "asgi_probe.library.Result",
        "dict[str, int]",
        "list[asgi_probe.engine.results.Outcome]",
        "asgi_probe.library.Result",
        "int",
        "call-arg",
        "arg-type",
        "attr-defined",
        "misc",
        "typing.Mapping[str, Any]",
        "def (probe: asgi_probe.target.probe.Probe, table: str =)",
    ], checked.stdout
