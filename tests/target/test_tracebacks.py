import json
import sys
from pathlib import Path

from asgi_probe.target.tracebacks import app_traceback, exit_in, in_a_line, ran_code, unwrapped

HERE = Path(__file__).resolve().parent


def raised(call, *arguments):
    try:
        call(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def boom(message="boom"):
    raise ValueError(message)


def test_the_users_frames_with_their_source():
    text = app_traceback(raised(boom), root=HERE)
    assert text.splitlines()[0] == "Traceback (most recent call last):"
    assert '  File "test_tracebacks.py", line' in text
    assert ", in boom\n    raise ValueError(message)\nValueError: boom" in text


def test_paths_outside_of_the_root_are_whole():
    assert f'File "{__file__}"' in app_traceback(raised(boom), root=HERE / "elsewhere")
    assert f'File "{__file__}"' in app_traceback(raised(boom))


def through_a_library():
    import re

    re.sub("a", lambda _: boom(), "a")


def test_runs_of_foreign_frames_are_one_line():
    text = app_traceback(raised(through_a_library), root=HERE)
    assert "  … 1 frame in re …\n" in text
    assert "/re/" not in text
    assert text.index("through_a_library") < text.index("… 1 frame in re") < text.index("in boom")


def test_a_whole_one_has_the_frames_of_libraries_and_of_what_came_before():
    def loads():
        try:
            json.loads("{")
        except ValueError as error:
            raise LookupError("no such shop") from error

    text = app_traceback(raised(loads), whole=True)
    assert "… 3 frames in json" not in text
    assert text.count("json/decoder.py") == 2
    assert "The above exception was the direct cause" in text


def test_a_whole_one_has_an_end():
    def down(depth):
        return down(depth - 1) if depth else boom()

    text = app_traceback(raised(down, 500), whole=True)
    assert text.count("in test_a_whole_one_has_an_end.<locals>.down") == 78
    assert "  … 423 more frames …\n" in text


def test_it_begins_with_the_users_first_frame():
    import anyio
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def endpoint(request):
        boom()

    async def call():
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Starlette(routes=[Route("/", endpoint)])(scope, anyio.sleep, lambda _: anyio.sleep(0))

    error = raised(anyio.run, call)
    lines = app_traceback(error, root=HERE).splitlines()
    assert lines[1].endswith("in raised")
    assert lines[3].startswith("  … ")
    assert "frames in anyio, asyncio" in lines[3]
    assert any("frames in starlette" in line for line in lines[4:])
    assert not any("site-packages" in line for line in lines)


def test_ours_are_left_out_and_foreign_ones_shown_where_none_is_the_users():
    import json

    try:
        json.loads("{")
    except ValueError as caught:
        error = caught.with_traceback(caught.__traceback__.tb_next)
    text = app_traceback(error)
    assert "in JSONDecoder.raw_decode" in text
    assert "json.decoder.JSONDecodeError: Expecting property name" in text
    assert "asgi_probe" not in app_traceback(raised(app_traceback, None))


def test_causes_and_contexts():
    def cause():
        try:
            boom("first")
        except ValueError as error:
            raise KeyError("second") from error

    def context():
        try:
            boom("first")
        except ValueError:
            raise KeyError("second")  # noqa: B904 - what is tested

    def hidden():
        try:
            boom("first")
        except ValueError:
            raise KeyError("second") from None

    text = app_traceback(raised(cause))
    assert text.index("ValueError: first") < text.index("direct cause of") < text.index("KeyError: 'second'")
    assert "During handling of the above exception" in app_traceback(raised(context))
    assert "first" not in app_traceback(raised(hidden)).replace('boom("first")', "")


def test_causes_that_are_a_librarys_own_are_one_line():
    def loads():
        try:
            json.loads("{")
        except ValueError as error:
            raise LookupError("no settings") from error

    text = app_traceback(raised(loads), root=HERE)
    cause, _, rest = text.partition("The above exception was the direct cause")
    assert cause.splitlines()[1].strip().startswith("File "), "it went through a frame of ours"
    foreign = raised(json.loads, "{").with_traceback(None)
    try:
        json.loads("{")
    except ValueError as error:
        foreign = error.with_traceback(error.__traceback__.tb_next)
    outer = raised(boom)
    outer.__cause__ = foreign
    cause, _, rest = app_traceback(outer, root=HERE).partition("The above exception was the direct cause")
    assert cause.splitlines()[1] == "  … 3 frames in json …"
    assert ", in boom" in rest


def test_chains_that_are_long_or_circular_end():
    error = ValueError("0")
    for number in range(1, 50):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    text = app_traceback(error)
    assert text.startswith("… earlier exceptions …")
    assert text.endswith("ValueError: 49")
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert app_traceback(first).count("ValueError: a") == 1


def test_groups():
    single = ExceptionGroup("outer", [ExceptionGroup("inner", [raised(boom)])])
    assert "outer" not in app_traceback(single)
    assert app_traceback(single).endswith("ValueError: boom")
    text = app_traceback(ExceptionGroup("both", [ValueError("a"), KeyError("b")]))
    assert "ExceptionGroup: both (2 sub-exceptions)" in text
    assert "  ── 1 of 2 ──\n  ValueError: a\n  ── 2 of 2 ──\n  KeyError: 'b'" in text
    deep = ExceptionGroup("0", [ValueError(), KeyError()])
    for number in range(40):
        deep = ExceptionGroup(str(number), [deep, ValueError()])
    assert len(app_traceback(deep)) < 40_000


def test_notes():
    error = ValueError("boom")
    error.add_note("while it rained")
    assert app_traceback(error) == "ValueError: boom\nwhile it rained"
    error.__notes__ = [5]
    assert app_traceback(error).endswith("\n5")


def test_deep_recursion_is_shortened():
    def down(depth):
        down(depth + 1)

    text = app_traceback(raised(down, 0), root=HERE)
    assert " more frames …" in text
    assert text.endswith("RecursionError: maximum recursion depth exceeded")
    assert len(text.splitlines()) < 100


def test_long_messages_are_cut():
    text = app_traceback(ValueError("x" * 10_000_000))
    assert text.endswith("x … (10000000 characters)")
    assert len(text) < 5_000
    many = ExceptionGroup("many", [ValueError("y" * 9_000) for _ in range(20)])
    assert "  … 14 more …" in app_traceback(many)
    many = ExceptionGroup("more", [many, ExceptionGroup("g", [KeyError("z" * 9_000) for _ in range(6)])])
    text = app_traceback(many)
    assert " characters …" in text
    assert len(text) < 40_000


class Hostile(Exception):
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


def test_a_str_that_raises_is_survived():
    assert app_traceback(Hostile()).endswith("Hostile: <Hostile whose str() raised RuntimeError>")
    assert in_a_line(Hostile()) == "<Hostile whose repr() raised RuntimeError>"


def test_it_is_harmless():
    assert app_traceback(ValueError("\x1b[31mred\u202e")) == "ValueError: \\x1b[31mred\\u202e"


def test_syntax_errors_show_their_place():
    error = raised(compile, "a = (1,\nb = 2", "shop.py", "exec")
    text = app_traceback(error)
    assert 'File "shop.py", line 1' in text
    assert "SyntaxError: '(' was never closed" in text
    odd = SyntaxError("odd")
    odd.lineno, odd.text, odd.offset = "x", 5, {}
    assert "SyntaxError" in app_traceback(odd)


def test_exceptions_without_text_or_trace():
    assert app_traceback(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert app_traceback(raised(sys.exit, 2)).endswith("SystemExit: 2")


def test_in_a_line():
    assert in_a_line(ValueError("a\nb")) == "ValueError('a\\nb')"
    assert len(in_a_line(ValueError("x" * 10_000))) < 400


def test_unwrapped_and_exit_in():
    inner = ValueError()
    assert unwrapped(ExceptionGroup("", [ExceptionGroup("", [inner])])) is inner
    two = ExceptionGroup("", [inner, KeyError()])
    assert unwrapped(two) is two
    leaving = SystemExit(1)
    assert exit_in(leaving) is leaving
    assert exit_in(BaseExceptionGroup("", [inner, BaseExceptionGroup("", [leaving])])) is leaving
    assert exit_in(two) is None
    assert exit_in(inner) is None


def test_ran_code():
    assert ran_code(raised(boom))
    assert not ran_code(ImportError())
