from __future__ import annotations

import json
import re
from base64 import b64encode
from decimal import Decimal

import pytest

from asgi_probe.engine.events import StepFinished
from asgi_probe.engine.results import Body, Mismatch, Outcome, RequestRecord, ResponseRecord
from asgi_probe.reporters.failure import failed_step, mismatches
from asgi_probe.terminal import plain

PLACE = {"file": "a.yaml", "line": 12, "column": 9, "width": 4, "source_line": "        text: hello"}
HEAD = "a.yaml:12:9: text: it differs\n   12 |         text: hello\n      |         ^^^^\n"


def mismatch(message="it differs", expected=None, actual=None, where="text", path=None, **more):
    return Mismatch(where, path, message, expected, actual, **PLACE | more)


def text_of(lines):
    return "".join(plain(line) + "\n" for line in lines)


def values(expected, actual, **more):
    """What is told under the excerpt."""
    told = text_of(mismatches([mismatch(expected=expected, actual=actual, **more)]))
    assert told.startswith("a.yaml:12:9: ")
    return told.partition("^^^^\n")[2]


def told(**more):
    return text_of(failed_step(StepFinished("a.yaml::x", "x", "steps", Outcome.FAILED, 0.1, **more), "x"))


def answer(body, content_type="text/plain", size=None, truncated=False, encoding=None, status=200):
    """The body of an answer as it is told."""
    record = Body(body, len(body.encode("utf-8", "replace")) if size is None else size, truncated, encoding)
    response = ResponseRecord(status, (("content-type", content_type),), record, "HTTP/1.1")
    head, _, rest = told(response=response).partition("\n<\n")
    assert head.endswith(f"< content-type: {content_type}")
    return [line.removeprefix("< ") for line in rest.rstrip("\n").split("\n")]


def test_what_the_message_says_is_not_said_again():
    assert values(201, 200, message="expected 201, got 200") == ""
    assert values("a", "b", message="expected 'a', got 'b'") == ""
    assert values([1, 2], {"a": None}, message='expected [1, 2], got {"a": null}') == ""
    assert values("it's", "b", message='expected "it\'s", got "b"') == ""
    assert values(None, True, message="expected null, got true") == ""


def test_what_the_message_leaves_out_is_said():
    assert values("hello world", "bye", message="expected 'hello…', got 'bye'") == '  = expected  "hello world"\n'
    assert values([1, 2, 3], [1], message="expected 3 items, got 1") == ("  = expected  [1, 2, 3]\n  = actual    [1]\n")


def test_numbers_keep_every_digit():
    exact = Decimal("0.1000000000000000000001")
    assert values([exact], [1.0, True]) == "  = expected  [0.1000000000000000000001]\n  = actual    [1.0, true]\n"
    told = values(5, [10**5_000])
    assert told == f"  = actual\n      | [\n      |   1{'0' * 1_996}\n      | … 3,006 more characters\n"


def test_a_text_of_many_lines_is_a_block():
    assert values("hello", "one\n\ttwo\r\n\x1b[2J" + "\n…" * 30) == (
        '  = expected  "hello"\n  = actual\n      | one\n      |     two\n      | \\x1b[2J\n'
        + "      | …\n" * 17
        + "      | … 13 more lines\n"
    )


def test_two_texts_of_many_lines_are_a_diff():
    assert values("a\nb\nc\nd", "a\nb\nc\nD") == (
        "  = - expected  + actual\n      | @@ -2,3 +2,3 @@\n      |  b\n      |  c\n      | -d\n      | +D\n"
    )


def test_large_structures_are_a_diff():
    expected = {"items": [{"name": f"a long name for item {number}", "price": number} for number in range(9)]}
    actual = json.loads(json.dumps(expected))
    actual["items"][4]["price"] = "4\x1b"
    told = """\
  = - expected  + actual
      | …
      |      {
      |        "name": "a long name for item 4"
      | -      "price": 4
      |                 ^
      | +      "price": "4\\u001b"
      |                 ^^^^^^^^^
      |      }
      |      {
"""
    assert values(expected, actual) == told


def test_a_long_diff_is_cut():
    lines = values("\n".join("abc" * 40), "\n".join("xyz" * 40)).splitlines()
    assert len(lines) == 42
    assert lines[-1] == "      | … 201 more lines"


def test_huge_texts_are_not_compared():
    many = "\n".join(map(str, range(1_000)))
    assert "      | … 980 more lines\n" in values(many, many + "!")


def test_equal_structures_are_no_diff():
    same = [f"a rather long text number {number}" for number in range(9)]
    assert "- expected" not in values(same, list(same))


def test_a_value_without_end_is_cut_in_no_time():
    actual = ["x" * 50] * 3_000_000
    assert values(5, actual).endswith("      | … much more\n")


def test_a_value_without_ground_is_cut():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert "…" in values(5, deep)
    del deep


def test_mismatches_of_one_line_share_its_excerpt_and_name_whose_value_it_is():
    first = mismatch("first", expected=[1, 2, 3], path="$.a")
    assert (
        text_of(mismatches([first, mismatch("second", column=2, width=1)]))
        == """\
a.yaml:12:9: text $.a: first
a.yaml:12:2: text: second
   12 |         text: hello
      |  ^      ^^^^
  = text $.a
  = expected  [1, 2, 3]
"""
    )


def test_ten_mismatches_are_told_with_their_lines_and_a_hundred_listed():
    text = text_of(mismatches([mismatch(str(number), line=number + 1) for number in range(1_234)]))
    assert text.count("| ") == 20
    assert text.count("a.yaml:") == 100
    assert "\na.yaml:99:9: text: 98\na.yaml:100:9: text: 99\n… and 1,134 more mismatches\n" in text


def test_attempts_that_ended_otherwise_are_told():
    stumbles = (
        "status: expected 200, got 503",
        "connection refused",
        "status: expected 200, got 503",
        "text: it differs",
    )
    lines = told(attempts=5, stumbles=stumbles, mismatches=(mismatch(),)).splitlines()
    assert lines[:3] == [
        "in step: x, asked 5 times",
        "attempt 1: status: expected 200, got 503",
        "attempt 2: connection refused",
    ]
    assert lines[3].startswith("a.yaml:12:9: ")


def test_few_attempts_are_told():
    assert told(attempts=9, stumbles=tuple(map(str, range(8)))).count("attempt") == 5


def test_a_long_text_is_cut_where_its_answer_is_told_anyway():
    assert values("a", "x" * 1_000, message="no") == (
        f'  = expected  "a"\n  = actual    "{"x" * 300}"… 700 more characters\n'
    )


def test_a_traceback_is_left_out_on_request():
    step = StepFinished("a::x", "x", "steps", Outcome.ERROR, 0.1, reason="it raised", traceback="Trace\n  back")
    assert "| Trace" in text_of(failed_step(step, "x"))
    assert "Trace" not in text_of(failed_step(step, "x", traces=False))


def test_because_is_told_last():
    assert values(1, 2, because="one\ntwo", message="1 2") == "  = because\n      | one\n      | two\n"
    assert values(1, 2, because="why", message="1 2") == "  = because   why\n"


def test_a_place_without_its_line_has_no_excerpt():
    assert text_of(mismatches([mismatch(source_line="")])) == "a.yaml:12:9: text: it differs\n"


def test_everything_from_outside_is_harmless():
    evil = "\x1b[31m\x9b2J\u202e[red]\r\x07"
    places = {"file": evil, "source_line": evil}
    step = StepFinished(
        "x",
        evil,
        "finally",
        Outcome.ERROR,
        0.1,
        reason=f"{evil}\n{evil}",
        line=1,
        column=1,
        mismatches=(
            mismatch(evil, evil, [evil], where=evil, path=evil, because=evil, **places),
            mismatch(evil, evil + "\n", evil + "\n\n", where=evil),
        ),
        request=RequestRecord(evil, evil, ((evil, evil),), Body(evil, 9)),
        response=ResponseRecord(299, ((evil, evil + "\n"),), Body(evil, 9), evil),
        traceback=evil,
        curl=evil,
        **places,
    )
    text = text_of(failed_step(step, "x"))
    assert text.startswith("in finally: \\x1b[31m\\x9b2J\\u202e[red]\\x0d\\x07\n")
    assert set(re.findall(r"[^ -~\n]", text)) <= {"…"}
    assert text.count("[red]") > 15


def test_an_error_has_its_place_and_all_its_lines():
    place = {"file": "a.yaml", "line": 3, "column": 5, "width": 3, "source_line": "    get: /x"}
    assert told(reason="no answer\nwithin 10 s", **place) == (
        "a.yaml:3:5: error: no answer\n  | within 10 s\n    3 |     get: /x\n      |     ^^^\n"
    )
    assert told(reason="no answer") == "error: no answer\n"


def test_json_bodies_are_laid_out_and_keep_their_numbers():
    body = '{"a":1.50,"b":[1e400,NaN,' + "9" * 5_000 + '],"c":"\\u00e9\\u001b"}'
    lines = answer(body, "application/json")
    assert lines[:3] == ["{", '  "a": 1.50,', '  "b": [']
    assert answer('{"a":1.50,"b":[1e400],"c":"\\u00e9\\u001b"}') == ['{"a": 1.50, "b": [1e400], "c": "é\\u001b"}']
    assert answer("[]") == ["[]"]


def test_bodies_that_only_look_like_json_are_left_alone():
    assert answer('{"a":1,}', "application/json") == ['{"a":1,}']
    assert answer("<h1>no</h1>", "application/json") == ["<h1>no</h1>"]
    assert answer("[" * 100_000, "application/json")[0].startswith("[[[")


def test_deep_json_is_cut_where_nobody_reads_on():
    lines = answer("[" * 200 + "]" * 200, "application/json")
    assert "…" in "".join(lines)


def test_long_bodies_say_what_is_left_out():
    assert answer("line\r\n" * 30)[-1] == "… 10 more lines, 180 bytes in all"
    assert answer("x" * 2_500) == ["x" * 2_000, "… 500 more characters, 2,500 bytes in all"]
    assert answer("x" * 1_990 + "\n" + "y" * 20 + "\nz")[1:] == ["y" * 10, "… 12 more characters, 2,013 bytes in all"]
    assert answer("short", size=70_000, truncated=True) == ["short", "… 70,000 bytes in all"]
    assert answer("l\n" * 99, size=70_000, truncated=True)[-1] == "… 70,000 bytes in all"
    assert (
        answer('{"a":' + "[1]," * 9_000, "application/json", size=10**6, truncated=True)[-1]
        == "… 1,000,000 bytes in all"
    )


def test_json_beyond_what_is_laid_out_says_so():
    lines = answer(json.dumps(["some text"] * 5_000), "application/json")
    assert lines[-1] == "… 65,000 bytes in all"


def test_binary_bodies_are_hex():
    assert answer(b64encode(b"\x89PNG").decode(), size=4, encoding="base64") == ["89 50 4e 47  4 bytes in all, binary"]
    lines = answer(b64encode(bytes(range(256))).decode(), size=256, encoding="base64")
    assert lines == [bytes(range(48)).hex(" ") + " …  256 bytes in all, binary"]


@pytest.mark.parametrize(("status", "line"), [(404, "HTTP/2 404 Not Found"), (299, "HTTP/2 299"), (7, "HTTP/2 7")])
def test_the_status_line(status, line):
    assert told(response=ResponseRecord(status, (), None, "HTTP/2")) == f"\n< {line}\n"


def test_many_and_long_headers_are_cut():
    headers = (("x-long", "v" * 1_000), *((f"x-{number}", "1") for number in range(40)))
    text = told(response=ResponseRecord(200, headers, None, "HTTP/1.1"))
    assert f"< x-long: {'v' * 300}… 700 more characters\n" in text
    assert text.endswith("< … and 11 more headers\n")


def test_a_request_without_an_answer_says_so():
    assert told(request=RequestRecord("GET", "http://x/", (), None)) == "\n> GET http://x/\n< no answer\n"


def test_the_end_of_an_endless_traceback_is_told():
    text = told(traceback="\n".join(f"line {number}" for number in range(500)))
    assert text.startswith("\nthe app's traceback\n  | … 300 lines before\n  | line 300\n")
    assert text.endswith("  | line 499\n")


def test_no_line_begins_with_what_ci_systems_take_for_a_command():
    command = "::stop-commands::x"
    text = f"\n{command}\n" * 3
    step = StepFinished(
        "x",
        text,
        "finally",
        Outcome.ERROR,
        0.1,
        reason=text,
        mismatches=(mismatch(text, text, text + "!", path=text, because=text), mismatch(text, 1, text, where=text)),
        request=RequestRecord("GET", text, ((text, text),), Body(text, 9)),
        response=ResponseRecord(200, ((text, text),), Body(text, 9), text),
        traceback=text,
    )
    lines = text_of(failed_step(step, "x")).split("\n")
    assert sum(command in line for line in lines) > 20
    assert not [line for line in lines if line.lstrip().startswith(("::", "##["))]
