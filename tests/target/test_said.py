"""What an app says while it answers: log records, warnings and prints, each with the request that it belongs to."""

import functools
import io
import logging
import sys
import threading
import time
import warnings
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import anyio.to_thread
import pytest

from asgi_probe.exchange import Ask, Failure, Said
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.listening import Routed, listening
from asgi_probe.target.said import ENTRIES, TEXT, Notes, listener, said_text
from asgi_probe.target.session import Exchanger
from asgi_probe.terminal import Outlet, Terminal

pytestmark = pytest.mark.anyio

log = logging.getLogger("shop.orders")


@pytest.fixture(autouse=True)
def level():
    log.setLevel(logging.INFO)
    yield
    log.setLevel(logging.NOTSET)


def answering(say, *, status=200, after=None):
    async def app(scope, receive, send):
        await say(scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        if after is not None:
            await after()

    return app


@asynccontextmanager
async def asking(app, **options):
    told = []
    target = AppTarget(
        LoadedApp(app, factory=False, reference="app"),
        lifespan=options.pop("lifespan", "off"),
        warn=lambda sentence, error: told.append(sentence),
        **options,
    )
    async with target:
        exchanger = Exchanger(target)

        async def ask(url="/", **request):
            return (await exchanger.session().ask(Ask("GET", url, **request)))[1]

        ask.told = told
        yield ask


def plain(outcome):
    return [(said.source, said.text) for said in outcome.said]


async def test_everything_in_its_order():
    async def say(path):
        print("one", "two")
        log.info("an order of %s", "tomatoes")
        log.debug("not made at all")
        print("to errors", file=sys.stderr)
        print("no end", end="")

    async with asking(answering(say)) as ask:
        began = time.time()
        answer = await ask()
    assert [(said.source, said.text, said.level, said.logger) for said in answer.said] == [
        ("stdout", "one two", None, None),
        ("log", "an order of tomatoes", "INFO", "shop.orders"),
        ("stderr", "to errors", None, None),
        ("stdout", "no end", None, None),
    ]
    times = [said.time for said in answer.said]
    assert times == sorted(times)
    assert all(began - 1 < moment < time.time() + 1 for moment in times)


async def test_who_says_nothing():
    async def say(path): ...

    async with asking(answering(say)) as ask:
        assert (await ask()).said == ()


async def test_nothing_is_shown_meanwhile(capsys):
    async def say(path):
        print("hidden")

    async with asking(answering(say)) as ask:
        assert plain(await ask()) == [("stdout", "hidden")]
    assert capsys.readouterr() == ("", "")


async def test_without_capture_all_is_as_it_would_be(capsys):
    async def say(path):
        print("shown")
        log.error("logged", exc_info=ValueError("boom"))

    async with asking(answering(say, status=500), capture=False) as ask:
        answer = await ask()
    assert answer.said == ()
    assert repr(answer.app_error) == "ValueError('boom')"
    assert capsys.readouterr().out == "shown\n"


async def test_warnings():
    async def say(path):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    async with asking(answering(say)) as ask:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            (said,) = (await ask()).said
    assert (said.source, said.level) == ("warning", None)
    assert said.text.startswith("DeprecationWarning: old (")
    assert said.text.endswith(".py:" + said.text.rpartition(":")[2])


async def test_a_showwarning_of_the_apps_own_is_left_alone(monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: log.warning("own: %s", message))

    async def say(path):
        warnings.showwarning("old", UserWarning, "a.py", 1)

    async with asking(answering(say)) as ask:
        assert plain(await ask()) == [("log", "own: old")]


async def test_concurrent_requests_do_not_mix():
    async def say(path):
        for number in range(3):
            print(path, end=" ")
            await anyio.sleep(0.001)
            log.info("%s %s", path, number)
            await anyio.to_thread.run_sync(print, path)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(in_a_task, path)

    async def in_a_task(path):
        await anyio.sleep(0.001)
        log.info(path)

    outcomes = {}
    async with asking(answering(say)) as ask, anyio.create_task_group() as tasks:

        async def one(url):
            outcomes[url] = plain(await ask(url))

        for number in range(8):
            tasks.start_soon(one, f"/{number}")
    for url, said in outcomes.items():
        each = [("stdout", f"{url} {url}"), ("log", f"{url} 0"), ("log", url)]
        assert said == [*each, each[0], ("log", f"{url} 1"), each[2], each[0], ("log", f"{url} 2"), each[2]]


async def test_starlettes_threads_count():
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    def index():
        print("in a thread")
        log.info("in a thread, too")
        return {}

    async with asking(app) as ask:
        assert plain(await ask()) == [("stdout", "in a thread"), ("log", "in a thread, too")]


async def test_what_is_said_outside_of_requests_goes_through(capsys):
    gone = anyio.Event()

    async def say(path): ...

    async def after():
        await anyio.sleep(0.05)
        print("in the background")
        gone.set()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answering(say, after=after)(scope, receive, send)
            return
        await receive()
        print("up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("down")
        await send({"type": "lifespan.shutdown.complete"})

    async with asking(app, lifespan="on") as ask:
        print("ours")
        assert plain(await ask()) == []
        await gone.wait()
    assert capsys.readouterr().out == "up\nours\nin the background\ndown\n"


# failures


async def test_a_time_out_tells_what_was_said_before_it():
    async def say(path):
        print("waiting for the database")
        await anyio.sleep(10)

    async with asking(answering(say)) as ask:
        failure = await ask(timeout=0.05)
    assert isinstance(failure, Failure)
    assert plain(failure) == [("stdout", "waiting for the database")]


async def test_an_answer_that_breaks_off_tells_too():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        log.error("it breaks")
        raise ValueError("boom")

    async with asking(app) as ask:
        failure = await ask()
    assert failure.kind == "protocol"
    assert plain(failure) == [("log", "it breaks")]
    assert failure.partial.said == ()


async def test_all_hops_tell():
    async def app(scope, receive, send):
        print(scope["path"])
        status, headers = (302, [(b"location", b"/two")]) if scope["path"] == "/one" else (200, [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    async with asking(app) as ask:
        assert plain(await ask("/one", max_hops=3)) == [("stdout", "/one"), ("stdout", "/two")]


# exceptions that are logged


async def test_a_logged_exception_comes_with_its_traceback_once():
    async def say(path):
        try:
            raise ValueError("boom")
        except ValueError:
            log.exception("it failed")

    async with asking(answering(say, status=500)) as ask:
        answer = await ask()
        assert repr(answer.app_error) == "ValueError('boom')"
        assert plain(answer) == [("log", "it failed")]
    async with asking(answering(say, status=400)) as ask:
        ((_, text),) = plain(await ask())
    assert text.startswith("it failed\nTraceback (most recent call last):\n")
    assert text.endswith("\nValueError: boom")


# handlers


@contextmanager
def handler(stream):
    added = logging.StreamHandler(stream)
    log.addHandler(added)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(added)
        log.propagate = True


async def test_a_handler_that_prints_a_record_does_not_tell_it_twice():
    class Current:
        def write(self, text):
            sys.stderr.write(text)

        def flush(self):
            sys.stderr.flush()

    async def say(path):
        log.info("once")

    with handler(Current()):
        async with asking(answering(say)) as ask:
            assert plain(await ask()) == [("log", "once")]


async def test_a_handler_with_a_stream_of_its_own_is_left_alone():
    stream = io.StringIO()

    async def say(path):
        log.info("once")

    with handler(stream):
        async with asking(answering(say)) as ask:
            assert plain(await ask()) == [("log", "once")]
    assert stream.getvalue() == "once\n"


async def test_a_handler_that_fails_is_heard():
    class Broken:
        def write(self, text):
            raise OSError("full")

    async def say(path):
        log.info("once")

    with handler(Broken()):
        async with asking(answering(say)) as ask:
            said = plain(await ask())
    assert said[0] == ("log", "once")
    assert ("stderr", "--- Logging error ---") in said
    assert ("stderr", "OSError: full") in said


async def test_filters_have_their_say_first():
    def hide(record):
        record.msg = record.msg.replace("s3cret", "***")
        return True

    async def say(path):
        log.info("the token is s3cret")

    log.addFilter(hide)
    try:
        async with asking(answering(say)) as ask:
            assert plain(await ask()) == [("log", "the token is ***")]
    finally:
        log.removeFilter(hide)


# notes


class Unspeakable:
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


def nobody(error):
    raise AssertionError


def record(message, *args, level=logging.INFO, error=None):
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("shop", level, "a.py", 1, message, args, exc_info)


def texts(notes, told=None):
    return [said.text for said in notes.said(told)]


def test_records_whose_text_cannot_be_made():
    notes = Notes(nobody)
    notes.logged(record("%d items", "no"))
    notes.logged(record("%s", Unspeakable()))
    notes.logged(record(Unspeakable()))
    one, two, three = texts(notes)
    assert one.startswith("<'%d items': a message that cannot be made: TypeError(")
    assert two == "<'%s': a message that cannot be made: ValueError('no text')>"
    assert three == "<a message that cannot be made: ValueError('no text')>"


def test_warnings_whose_text_cannot_be_made():
    notes = Notes(nobody)
    notes.warned(Unspeakable(), UserWarning, "/shop/main.py", 3)
    assert texts(notes) == ["UserWarning: <a text that cannot be made: ValueError('no text')> (/shop/main.py:3)"]


def test_a_message_that_logs_itself():
    notes = Notes(nobody)

    class Chatty:
        def __str__(self):
            notes.logged(record("inner"))
            return "outer"

    notes.logged(record("%s", Chatty()))
    assert sorted(texts(notes)) == ["inner", "outer"]


def test_the_number_of_entries_is_bounded():
    notes = Notes(nobody)
    for number in range(ENTRIES + 312):
        notes.logged(record("%s", number))
    assert len(notes.said()) == ENTRIES + 1
    assert texts(notes)[ENTRIES - 1 :] == [str(ENTRIES - 1), "… and 312 more"]


def test_lines_that_are_left_out_count_once():
    notes = Notes(nobody)
    notes.printed("stdout", "x\n" * ENTRIES)
    for part in ("one", " ", "line", "\n", "another\n", "and\na rest"):
        notes.printed("stdout", part)
    assert texts(notes)[-1] == "… and 4 more"


def test_the_length_of_the_text_is_bounded():
    notes = Notes(nobody)
    notes.logged(record("y" * 1000))
    for _ in range(100):
        notes.printed("stdout", "x" * 1000)
    notes.printed("stdout", "\nmore\n")
    assert len(texts(notes)[0]) == 1000
    assert texts(notes)[1].startswith("x" * (TEXT - 1000))
    assert len(texts(notes)[1]) < TEXT
    assert texts(notes)[2:] == ["… and 1 more"]


def test_a_cut_says_how_much_was_cut():
    notes = Notes(nobody)
    notes.logged(record("x" * (TEXT + 17)))
    assert texts(notes) == ["x" * TEXT + " … (17 more characters)"]


def test_a_traceback_that_finds_no_room_is_a_line():
    notes = Notes(nobody)
    notes.logged(record("x" * TEXT, error=ValueError("boom")))
    assert texts(notes) == ["x" * TEXT + "\nValueError('boom')"]


def test_errors_blame_until_the_notes_are_closed():
    blamed = []
    notes = Notes(blamed.append, keep=False)
    error = ValueError("boom")
    notes.logged(record("oh", level=logging.ERROR, error=error))
    notes.logged(record("oh", level=logging.INFO, error=error))
    notes.close()
    notes.logged(record("oh", level=logging.ERROR, error=error))
    assert blamed == [error]
    assert notes.said() == ()


def test_an_exception_in_a_group_is_told_once():
    notes, error = Notes(lambda error: None), ValueError("boom")
    notes.logged(record("oh", level=logging.ERROR, error=ExceptionGroup("one", [error])))
    assert texts(notes, error) == ["oh"]


def test_threads_print_at_the_same_time():
    notes = Notes(nobody)

    def say(name):
        for _ in range(20):
            notes.printed("stdout", f"{name}\n")
            notes.logged(record(name))

    threads = [threading.Thread(target=say, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes.said()) >= 140


def test_what_was_said_as_text():
    said = [
        Said("log", "an order\nof two", "INFO", "shop.orders", 1.0),
        Said("log", "… and 3 more", time=1.0),
        Said("stdout", "bell \x07", None, None, 1.0),
        Said("warning", "UserWarning: old"),
    ]
    assert said_text(said) == [
        "INFO shop.orders: an order",
        "    of two",
        "log: … and 3 more",
        "stdout: bell \\x07",
        "warning: UserWarning: old",
    ]


# what is put in place, and taken away


@contextmanager
def noting():
    notes = Notes(nobody)
    token = listener.set(notes)
    try:
        yield notes
    finally:
        listener.reset(token)


def surroundings():
    return sys.stdout, sys.stderr, warnings.showwarning, logging.getLogRecordFactory()


@pytest.mark.parametrize("capture", [True, False])
def test_all_is_put_back(capture):
    before = surroundings()
    with suppress(ValueError), listening(capture=capture):
        assert (sys.stdout is not before[0]) == capture
        raise ValueError
    assert surroundings() == before


def test_two_at_a_time_hear_once():
    before = surroundings()
    one, two = listening(), listening()
    with noting() as notes:
        one.__enter__()
        two.__enter__()
        log.info("logged")
        one.__exit__(None, None, None)
        print("printed")
        two.__exit__(None, None, None)
    assert texts(notes) == ["logged", "printed"]
    assert surroundings() == before


def test_whoever_came_on_top_stays_there():
    before = surroundings()
    make = logging.getLogRecordFactory()
    with listening():
        below = surroundings()
        on_top = io.StringIO()
        sys.stdout, warnings.showwarning = on_top, lambda *_: None
        logging.setLogRecordFactory(functools.partial(below[3]))
        top = surroundings()
    try:
        assert (sys.stdout, warnings.showwarning, logging.getLogRecordFactory()) == (on_top, top[2], top[3])
        sys.stdout = below[0]  # put back too late
        with noting() as notes:
            log.info("not heard")
            print("shown")
            with warnings.catch_warnings(record=True) as shown:
                below[2]("old", UserWarning, "a.py", 1)
        assert notes.said() == ()
        assert len(shown) == 1
        with listening(), noting() as notes:
            log.info("heard once")
            print("printed once")
        assert texts(notes) == ["heard once", "printed once"]
        assert sys.stdout is before[0]
    finally:
        sys.stdout, warnings.showwarning = before[0], before[2]
        logging.setLogRecordFactory(make)


def test_without_standard_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with listening():
        assert sys.stdout is None
    assert sys.stdout is None


def test_a_routed_stream_is_the_stream_in_all_else():
    stream = io.StringIO()
    routed = Routed(stream, "stdout")
    routed.writelines(["one\n", "two\n"])
    assert (routed.getvalue(), routed.isatty(), routed.encoding) == ("one\ntwo\n", False, None)
    with noting() as notes:
        assert routed.write("three\n") == 6
        routed.writelines(["four\n", "five\n"])
        with pytest.raises(TypeError):
            routed.write(b"six")
        routed.hearing = False
        routed.write("seven\n")
    assert texts(notes) == ["three", "four", "five"]
    assert stream.getvalue() == "one\ntwo\nseven\n"


def test_a_print_from_far_down():
    def down(depth):
        if depth:
            down(depth - 1)
        else:
            print("from far down")

    with listening(), noting() as notes:
        down(200)
    assert texts(notes) == ["from far down"]


def test_a_debugger_is_shown(capsys):
    import pdb  # noqa: T100 - it does not stop here

    with listening(), noting() as notes:
        print("noted")
        pdb.Pdb(stdout=sys.stdout, readrc=False).message("stopped here")
    assert texts(notes) == ["noted"]
    assert capsys.readouterr().out == "stopped here\n"


class Tty(io.StringIO):
    def isatty(self):
        return True


def a_terminal(monkeypatch):
    tty = Tty()
    monkeypatch.setattr(sys, "stdout", tty)
    monkeypatch.setattr(sys, "stderr", tty)
    return tty


def test_beside_a_live_line(monkeypatch):
    tty = a_terminal(monkeypatch)
    terminal = Terminal(Outlet(tty), color=False, width=80)
    terminal.live(lambda: [("3 of 7", "")])
    live = sys.stdout
    assert live is not tty
    with listening():
        with noting() as notes:
            print("noted")
        print("shown above the live line")
    assert sys.stdout is live
    terminal.close()
    assert (sys.stdout, sys.stderr) == (tty, tty)
    assert texts(notes) == ["noted"]
    assert "shown above the live line" in tty.getvalue()
    assert "noted" not in tty.getvalue()


def test_a_live_line_that_begins_and_ends_late(monkeypatch):
    tty = a_terminal(monkeypatch)
    terminal = Terminal(Outlet(tty), color=False, width=80)
    with listening():
        terminal.live(lambda: [("3 of 7", "")])
    terminal.close()
    print("later")
    with listening(), noting() as notes:
        print("noted")
    assert texts(notes) == ["noted"]
    assert "later\n" in tty.getvalue()
    assert sys.stdout is tty
