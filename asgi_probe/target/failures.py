"""What an app in process can do to break its own answer, as exceptions that httpx's callers know to catch."""

from __future__ import annotations

from asgi_probe.target.http import httpx


class BrokenAnswer(httpx.RemoteProtocolError):
    """The app broke off or broke the protocol, so that there is no whole answer.

    `app_error` is what the app raised, if it raised. An exception that the app raises before its start is no
    BrokenAnswer but a 500; a breach of the protocol is one, before the start too.
    """

    def __init__(self, message: str, app_error: BaseException | None = None) -> None:
        super().__init__(message)
        self.app_error = app_error


class AppExited(httpx.RemoteProtocolError):
    """The app raised `SystemExit` or `KeyboardInterrupt` in a handler; `app_error` is that exception."""

    def __init__(self, message: str, app_error: BaseException | None = None) -> None:
        super().__init__(message)
        self.app_error = app_error


class ProtocolBreach(RuntimeError):  # noqa: N818 - what the app did, raised where it did it
    """Raised inside the app, where it sent or received what ASGI does not allow."""
