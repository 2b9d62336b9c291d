"""The answers that a test's client got: where the app raised, its traceback goes into the report of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asgi_probe.target.tracebacks import app_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST = 5
"""Answers of a test that are kept."""

_answers = pytest.StashKey[list[Any]]()


def keeper(item: pytest.Item) -> Callable[[Any], None]:
    """Takes every answer (an `httpx.Response`) of a test's client; keeps the last errors of the app."""
    kept = item.stash.setdefault(_answers, [])

    def keep(response: Any) -> None:
        if response.status_code >= 500:
            kept.append(response)
            del kept[:-_MOST]

    return keep


def add_tracebacks(report: pytest.TestReport, item: pytest.Item, raised: BaseException | None) -> None:
    """What the app raised while it answered this test, and behind the exception that ended it."""
    for what, error in _app_errors(item, raised):
        text = app_traceback(error, root=item.config.rootpath)
        report.sections.append((f"the app's traceback: {what}", f"{text}\n"))


def _app_errors(item: pytest.Item, raised: BaseException | None) -> Iterator[tuple[str, BaseException]]:
    for response in item.stash.get(_answers, []):
        error = response.extensions.get("app_error")
        if error is not None:
            yield f"{response.request.method} {response.request.url}", error
    behind = getattr(raised, "app_error", None)
    if isinstance(behind, BaseException):
        yield type(raised).__name__, behind
