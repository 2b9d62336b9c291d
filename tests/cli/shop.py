"""Apps for tests of the command line; what a request does is in its path. Copied into projects as `app.py`.

`log.txt` beside it tells what happened, a word a line. Nothing here needs more than the Python that runs it.
"""

import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import anyio

LOG = Path(__file__).with_name("log.txt")
counts = Counter()
dying = {}


def note(word):
    with LOG.open("a") as log:
        log.write(f"{word}\n")


class DroppedError(Exception):
    """The app's own exception."""


async def respond(send, data, status=200, headers=()):
    body = json.dumps(data).encode()
    named = [(b"content-type", b"application/json"), *[(name.encode(), value.encode()) for name, value in headers]]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


VERBS = {}


def verb(handler):
    VERBS[handler.__name__.strip("_")] = handler
    return handler


async def answer(scope, receive, send):
    _, name, *rest = scope["path"].removeprefix(scope["root_path"]).split("/")
    await VERBS.get(name, ok)(Request(scope, receive, send, rest))


@dataclass
class Request:
    scope: dict
    receive: object
    send: object
    rest: list

    async def respond(self, data, status=200, headers=()):
        await respond(self.send, data, status, headers)


async def ok(request):
    await request.respond({"ok": True})


@verb
async def echo(request):
    scope = request.scope
    await request.respond(
        {
            "method": scope["method"],
            "path": scope["path"],
            "root_path": scope["root_path"],
            "query": {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()},
            "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
            "body": (await body_of(request.receive)).decode(),
            "state": scope["state"].get("words", []),
        }
    )


@verb
async def noted(request):
    note(request.rest[0])
    await request.respond({"noted": request.rest[0]})


@verb
async def hang(request):
    note(f"hangs {request.rest[0]}")
    try:
        await anyio.sleep_forever()
    finally:
        note(f"left {request.rest[0]}")


@verb
async def meet(request):
    """Answers when that many are here, or after a while."""
    counts["here"] += 1
    counts["most"] = max(counts["most"], counts["here"])
    for _ in range(50):
        if counts["most"] >= int(request.rest[0]):
            break
        await anyio.sleep(0.01)
    await anyio.sleep(0.01)
    counts["here"] -= 1
    note(f"most {counts['most']}")
    await request.respond({"most": counts["most"]})


@verb
async def flaky(request):
    counts[request.scope["path"]] += 1
    attempt = counts[request.scope["path"]]
    await request.respond({"attempt": attempt}, 200 if attempt >= int(request.rest[0]) else 503)


@verb
async def _raise(request):
    raise DroppedError("the order was dropped")


@verb
async def _exit(request):
    sys.exit(3)


@verb
async def interrupt(request):
    raise KeyboardInterrupt


@verb
async def _print(request):
    print("the app prints")
    os.write(1, b"the app writes\n")
    await request.respond({})


@verb
async def after(request):
    await request.respond({})
    raise DroppedError("the mail was not sent")


@verb
async def login(request):
    await request.respond({"id": 7}, headers=[("set-cookie", f"sid={request.rest[0]}; Path=/")])


@verb
async def sleep(request):
    await anyio.sleep(float(request.rest[0]))
    await request.respond({})


@verb
async def block(request):
    time.sleep(float(request.rest[0]))
    await request.respond({})


@verb
async def die(request):
    dying["event"].set()
    await anyio.sleep(0.05)
    await request.respond({})


@verb
async def status(request):
    await request.respond({}, int(request.rest[0]))


async def app(scope, receive, send):
    if scope["type"] != "lifespan":
        await answer(scope, receive, send)
        return
    await receive()
    note("startup")
    scope["state"]["words"] = ["shared"]
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


def with_lifespan(lifespan):
    async def other(scope, receive, send):
        await (lifespan if scope["type"] == "lifespan" else answer)(scope, receive, send)

    return other


@with_lifespan
async def without_lifespan(scope, receive, send):
    raise NotImplementedError("no lifespan here")


@with_lifespan
async def fails_to_start(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the database is away"})


@with_lifespan
async def raises_at_start(scope, receive, send):
    await receive()
    raise DroppedError("no migrations were found")


@with_lifespan
async def hangs_at_start(scope, receive, send):
    note("hangs at start")
    await receive()
    await anyio.sleep_forever()


@with_lifespan
async def fails_to_stop(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise DroppedError("the pool could not be drained")


@with_lifespan
async def hangs_at_stop(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await anyio.sleep_forever()


@with_lifespan
async def dies(scope, receive, send):
    dying["event"] = anyio.Event()
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await dying["event"].wait()
    raise DroppedError("the consumer lost its queue")


def make_app():
    note("made")
    return app


async def make_app_later():
    await anyio.sleep(0)
    note("made later")
    return app


def make_nothing():
    return None


def make_trouble():
    raise DroppedError("no settings")


five = 5
