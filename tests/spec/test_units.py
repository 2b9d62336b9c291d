from decimal import Decimal
from pathlib import Path

import pytest

from asgi_probe.spec import units
from asgi_probe.spec.source import Mapping, Problems, Scalar, Sequence, Source
from asgi_probe.spec.template import Compilation, VariableError

HERE = Path("/nowhere")
SOURCE = Source(Path("a.yaml"), "a.yaml", "timeout: 5x\n")


def scalar(value):
    return Scalar(SOURCE, 1, 10, 2, value, str(value))


def compilation(*known):
    return Compilation(Problems(), set(known), HERE, HERE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("2s", 2.0),
        ("1d", 86400.0),
        ("1.5s", 1.5),
        ("10", 10.0),
        ("0", 0.0),
        ("0.25", 0.25),
        ("1m30s500ms", 90.5),
        ("1d2h3m4s5ms", 93784.005),
        ("0ms", 0.0),
        ("", None),
        ("5x", None),
        ("-5s", None),
        ("s", None),
        ("1 s", None),
        ("30m1h", None),
        ("1s1s", None),
        ("1e3", None),
        ("1.s", None),
        ("٣s", None),
        ("5s ", None),
        ("inf", None),
        ("5S", None),
    ],
)
def test_durations(text, seconds):
    found = units.parse_duration(text)
    assert found == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10", 10),
        ("64k", 64_000),
        ("64KiB", 65_536),
        ("10MiB", 10 * 2**20),
        ("1.5 MB", 1_500_000),
        ("2g", 2 * 10**9),
        ("1Ti", 2**40),
        ("5b", 5),
        ("0", 0),
        ("0.5", None),
        ("-1", None),
        ("", None),
        ("MiB", None),
        ("1 Kibb", None),
        ("1e3", None),
        ("٣", None),
    ],
)
def test_sizes(text, size):
    assert units.parse_size(text) == size


GOOD = [
    (units.duration, "5m", 300.0),
    (units.duration, 2, 2.0),
    (units.duration, Decimal("0.5"), 0.5),
    (units.size, 64, 64),
    (units.size, "64k", 64000),
    (units.count, 3, 3),
    (units.count, "3", 3),
    (units.count, 0, 0),
    (units.number, 1.5, 1.5),
    (units.number, "2.5", 2.5),
    (units.number, 0, 0.0),
    (units.flag, True, True),
    (units.flag, "false", False),
    (units.hops, True, 20),
    (units.hops, False, 0),
    (units.hops, 7, 7),
    (units.hops, "true", 20),
]
BAD = [
    (units.duration, "5x"),
    (units.duration, -1),
    (units.duration, True),
    (units.duration, None),
    (units.duration, float("nan")),
    (units.duration, "9" * 40),
    (units.duration, "9" * 400),
    (units.duration, "400d"),
    (units.size, -1),
    (units.size, True),
    (units.size, 1.5),
    (units.size, "x"),
    (units.size, 2**60),
    (units.count, -1),
    (units.count, True),
    (units.count, 1.5),
    (units.count, "-1"),
    (units.count, 10**9),
    (units.number, -0.1),
    (units.number, "x"),
    (units.number, False),
    (units.number, float("inf")),
    (units.flag, 1),
    (units.flag, "yes"),
    (units.flag, None),
    (units.hops, -1),
    (units.hops, "many"),
]


@pytest.mark.parametrize(("read", "value", "result"), GOOD)
def test_constants_are_read_at_once(read, value, result):
    c = compilation()
    found = read(scalar(value), c)
    assert (found.render({}), type(found.render({}))) == (result, type(result))
    assert found.constant
    assert not c.problems.diagnostics


@pytest.mark.parametrize(("read", "value"), BAD)
def test_bad_constants_are_problems(read, value):
    c = compilation()
    read(scalar(value), c)
    assert len(c.problems.diagnostics) == 1
    assert "expected " in str(c.problems.diagnostics[0])


@pytest.mark.parametrize(("read", "value", "result"), GOOD)
def test_variables_are_read_when_rendered(read, value, result):
    found = read(scalar("${x}"), compilation("x"))
    assert not found.constant
    assert found.render({"x": value}) == result


@pytest.mark.parametrize(("read", "value"), [*BAD, (units.duration, [1]), (units.count, {})])
def test_bad_variables_are_errors(read, value):
    found = read(scalar("${x}"), compilation("x"))
    with pytest.raises(VariableError, match="expected "):
        found.render({"x": value})


def test_messages():
    c = compilation()
    units.duration(scalar("5x"), c)
    units.count(Sequence(SOURCE, 1, 1, [scalar(3)]), c)
    units.flag(Mapping(SOURCE, 1, 2, {}), c)
    assert [str(problem) for problem in c.problems.diagnostics] == [
        "a.yaml:1:10: expected a duration such as '300ms', '5s' or '1h30m', found '5x'",
        "a.yaml:1:1: expected a whole number from 0, found a list (write it without the list)",
        "a.yaml:1:2: expected true or false, found a mapping",
    ]
