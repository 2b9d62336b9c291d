"""Events of runs that never were, as hostile as can be."""

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, TargetInfo
from asgi_probe.engine.results import (
    Body,
    Mismatch,
    Outcome,
    RequestRecord,
    ResponseRecord,
    SaidRecord,
    SlowCheck,
    ThresholdVerdict,
    Times,
)
from asgi_probe.reporters.reports import open_report

HOSTILE = (
    "</code></td></table></details></p><script>alert(1)</script><!-- @octocat #1 GH-2 ](http://evil.example) | `x` "
    "```` **b** _i_ www.evil.example\n\n# h\n```\n~~~\n::error::x\r\n##[error]x\x00\x1b[31m\x1b]8;;http://e\x07"
    "\ud800 %0A,a:b=c"
)
STARTED = RunStarted(
    "0.1.0",
    TargetInfo(HOSTILE, "live", HOSTILE),
    ("a.yaml",),
    3,
    8,
    "2030-01-01T00:00:00.000+00:00",
    "1/2",
    (TargetInfo("one", "app", "shop:app"), TargetInfo(HOSTILE, "live", HOSTILE)),
    seed=7,
    descriptions=(HOSTILE,),
)
PLACE = {"file": "a.yaml", "line": 12, "column": 9, "width": 4, "source_line": HOSTILE}


def check(name, outcome=Outcome.PASSED, reason=None, steps=(), **more):
    """The events of a check."""
    id_ = f"a.yaml::{name}"
    file = more.pop("file", "a.yaml")
    phase = more.pop("phase", "steps")
    finished = CheckFinished(id_, outcome, 0.2, reason, file=file, line=3, name=name, phase=phase, target="one", **more)
    return [
        CheckStarted(id_, file, 3, name, (HOSTILE,), "one", HOSTILE, HOSTILE, phase=phase, at=0.1),
        *(StepFinished(id_, *step[0], **step[1]) for step in steps),
        finished,
    ]


def failing(name=HOSTILE, text=HOSTILE):
    """A check that failed in every way there is, and says the text everywhere."""
    mismatch = Mismatch("json", text, text, {text: [text, float("nan")]}, text + "\n", **PLACE, because=text)
    body = Body(text, 10**9, truncated=True)
    step = {
        "attempts": 3,
        "request": RequestRecord("GET", text, ((text, text),), body),
        "response": ResponseRecord(500, ((text, text),), Body("AAAA", 3, encoding="base64"), "HTTP/1.1"),
        "saved": {text: b"\xff"},
        "mismatches": (mismatch,),
        "reason": text,
        "traceback": text,
        "curl": text,
        "said": (SaidRecord("log", text, text, text),),
        "times": (0.1,),
        "stumbles": (text,),
        **PLACE,
    }
    return check(
        name,
        Outcome.FAILED,
        text,
        [((text, "steps", Outcome.FAILED, 0.2), step)],
        mismatches=(mismatch,),
        traceback=text,
    )


def refused(name, reason="connection refused"):
    """A check that got no answer."""
    step = {"reason": reason, "request": RequestRecord("GET", "/", (), None), **PLACE}
    return check(name, Outcome.ERROR, reason, [((name, "steps", Outcome.ERROR, 0.1), step)])


def end(exit_code=1, **more):
    """The end of a run that had something of everything."""
    given = {
        "slowest": (SlowCheck(HOSTILE, 1.0, HOSTILE),),
        "requests": 12,
        "times": Times(3, *5 * (0.1,), histogram=((0.1, 2), (0.2, 1))),
        "thresholds": (
            ThresholdVerdict("p95(time) < 1ms", False, "100 ms", 0.1),
            ThresholdVerdict(HOSTILE, False, HOSTILE, warns=True),
            ThresholdVerdict("error_rate < 1%", True, "0 %", 0.0),
        ),
        "stopped": None,
    }
    return RunFinished({"passed": 1, "failed": 1}, 1.5, exit_code, **given | more)


def written(kind, folder, *events):
    """The report of that kind, as text."""
    report = open_report(f"{kind}=report", cwd=folder)
    for event in events:
        report.handle(event)
    report.close()
    assert report.problem is None
    return (folder / "report").read_bytes().decode("utf-8")
