"""What came back from one request: an `Answer`, or the `Failure` to get one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

FailureKind = Literal["timeout", "connect", "tls", "protocol", "redirect", "decode", "too_large"]
"""Why there is no answer that could be judged; the words of `expect: {error: …}`."""

FAILURE_KINDS: tuple[FailureKind, ...] = (
    "timeout", "connect", "tls", "protocol", "redirect", "decode", "too_large",
)  # fmt: skip


Saying = Literal["log", "warning", "stdout", "stderr"]
"""How an app in process can say something."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that an app in process said while it answered: a log record, a warning, or a line that it printed.

    `level` and `logger` are a record's own; `time` is in seconds since the epoch.
    """

    source: Saying
    text: str
    level: str | None = None
    logger: str | None = None
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect that was followed: the status, and the address that redirected."""

    status: int
    url: str


@dataclass(slots=True)
class Sent:
    """A request as it was sent: header values as text, the body as bytes."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Answer:
    """A whole answer, read to its last byte.

    `body` is the body after decompression, at most `max_body` bytes of it; `size` counts all of them, so
    `size > len(body)` says that the rest was dropped. `time` is in seconds, from the first byte sent to the last
    read, hops included. `set_cookies` are the raw `set-cookie` values of this answer and of its hops, oldest first.
    `app_error` is what the app raised on the way to a 500, and `said` what it said meanwhile, in process.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    size: int
    url: str
    http_version: str = "HTTP/1.1"
    time: float = 0.0
    hops: tuple[Hop, ...] = ()
    set_cookies: tuple[str, ...] = ()
    app_error: BaseException | None = None
    said: tuple[Said, ...] = ()
    method: str = "GET"
    """Of the request that it answers, the last of a chain of redirects."""
    decoded: dict[str, Any] = field(default_factory=dict)
    """What queries have made of the body so far (its text, its JSON), so that it is decoded once."""


@dataclass(slots=True)
class Failure:
    """Why no answer could be judged: its kind, a sentence for the report, and the app's exception if there is one.

    `partial` is what had come when it broke, if anything: its status, headers and the body so far. `time` is in
    seconds, from the first byte sent, or from the attempt to send one, to the end. `said` is what the app said, in
    process; `partial` has none of it.
    """

    kind: FailureKind
    message: str
    app_error: BaseException | None = None
    partial: Answer | None = None
    time: float = 0.0
    refused: bool = False
    """Nobody took the connection that the target itself was to be reached by."""
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; without `filename` it is a plain field."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a request authenticates: `basic` and `digest` take user and password, `bearer` a token as `user`.

    `call` takes as `auth` what a function of the user's gave: an `httpx.Auth`, a pair of user and password, or a
    function of the request.
    """

    scheme: Literal["basic", "bearer", "digest", "netrc", "call"]
    user: str = ""
    password: str = ""
    auth: Any = None


@dataclass(slots=True)
class Ask:
    """A request to send, rendered: all its values are text or bytes.

    `url` is relative to the target or absolute. `params` add to the URL's own query and replace those of the same
    name. `headers` are the step's own; `without` names (in lower case) default headers that must not be sent, where
    `authorization` means the target's credentials too, and `without_params` default parameters.
    `cookies` are added to the jar's for this request. `body` and `parts` exclude each other; `content_type` is sent
    unless `headers` has one. `max_hops` is how many redirects are followed. `timeout` is in seconds for the whole
    exchange, all hops; `max_body` is how many bytes of the (decompressed) answer are kept.
    """

    method: str
    url: str
    params: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    without: frozenset[str] = frozenset()
    cookies: dict[str, str] = field(default_factory=dict)
    credentials: Credentials | None = None
    body: bytes | None = None
    parts: list[Part] | None = None
    content_type: str | None = None
    max_hops: int = 0
    timeout: float = 10.0
    max_body: int = 10 * 1024 * 1024
    without_params: frozenset[str] = frozenset()
    traceparent: str | None = None
    """Sent to the target, and to nobody else, where there is no such header (W3C Trace Context)."""
