"""The web app: a page for people, metrics for Prometheus, health for whoever watches, JSON for programs."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from asgi_probe import __version__
from asgi_probe.serving.answers import (
    Checks,
    Healthy,
    Problem,
    Runs,
    WholeRun,
    check_answers,
    run_answer,
    running_answer,
    whole_run,
)
from asgi_probe.serving.metrics import CONTENT_TYPE
from asgi_probe.serving.page import View, live_page

if TYPE_CHECKING:
    from asgi_probe.serving.history import History
    from asgi_probe.serving.metrics import Measures
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.status import Status

_SHOWN = 200
"""Runs of which the page has a bar."""
_PAGE = 50
_MOST = 1_000
_OFTEN, _SELDOM = 2, 60
"""Between how many seconds the page asks anew."""
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such run is kept."}}
_SICK: dict[int | str, dict[str, Any]] = {
    503: {"model": Healthy, "description": "Not all is well; `retry-after` is set before the first run's end."}
}
_ABOUT = """Smoke tests that run again and again: how they went.

Where the server needs a token, all but `/healthz` want `Authorization: Bearer TOKEN`.
"""


def web_app(status: Status, history: History, measures: Measures) -> FastAPI:
    """The app that tells of the runs."""
    app = FastAPI(
        title="asgi-probe serve",
        version=__version__,
        summary="How the runs went.",
        description=_ABOUT,
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    _people(app, status, history)
    _machines(app, status, measures)
    _programs(app, status, history)
    app.add_exception_handler(sqlite3.Error, _unreadable)
    return app


def _unreadable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"the history cannot be read: {error}"}, 500)


def _people(app: FastAPI, status: Status, history: History) -> None:
    again = round(min(max(status.interval / 2, _OFTEN), _SELDOM))

    @app.get("/", response_class=HTMLResponse, summary="The live page", tags=["people"])
    def page() -> HTMLResponse:
        """The HTML report of the last run, with the runs before it and how available each check was; it asks anew."""
        view = View(
            status.health(),
            status.trouble,
            status.running,
            status.last,
            history.runs(_SHOWN),
            history.availability(),
        )
        sheet = status.sheet
        shown = live_page(view) if sheet is None else sheet.page(view)
        return HTMLResponse(shown.body, headers={"content-security-policy": shown.policy, "refresh": str(again)})


def _machines(app: FastAPI, status: Status, measures: Measures) -> None:
    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"example": "asgi_probe_success 1.0\n"}}}},
        summary="Metrics",
        tags=["machines"],
    )
    def metrics() -> Response:
        """In Prometheus' text format."""
        return Response(measures.text(), media_type=CONTENT_TYPE)

    @app.get("/healthz", response_model=Healthy, responses=_SICK, summary="Health", tags=["machines"])
    async def healthz(request: Request) -> JSONResponse:
        """200 if the last run was green, 503 if not, and why.

        503 too before the first run has ended, while a run hangs, and when the last one is too old.
        """
        health = status.health()
        stranger = getattr(request.state, "stranger", False)
        wait = {"retry-after": str(health.retry_after)} if health.retry_after else None
        return JSONResponse(
            {"healthy": health.healthy, "reason": None if stranger else health.reason},
            200 if health.healthy else 503,
            wait,
        )

    app.add_api_route("/healthz", healthz, methods=["HEAD"], include_in_schema=False)


def _programs(app: FastAPI, status: Status, history: History) -> None:
    @app.get("/api/runs", summary="The last runs", tags=["programs"])
    def runs(
        limit: Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")] = _PAGE,
        before: Annotated[
            int | None, Query(ge=1, le=2**53, description="Only those before the run of that id: `next` of a page.")
        ] = None,
    ) -> Runs:
        """The runs that are kept, newest first, without their checks."""
        found = history.runs(limit + 1, before)
        more = found[limit - 1].id if len(found) > limit else None
        return Runs(runs=[run_answer(run) for run in found[:limit]], next=more, running=running_answer(status.running))

    @app.get("/api/runs/{run}", responses=_NOT_FOUND, summary="A run", tags=["programs"])
    def run(run: Annotated[int, Path(ge=1, le=2**53, description="The run's id.")]) -> WholeRun:
        """A run with its checks; of older runs the checks are no longer kept."""
        found: RunRecord | None = history.run(run)
        if found is None:
            raise HTTPException(404, f"no run {run}")
        return whole_run(found)

    @app.get("/api/checks", summary="Availability", tags=["programs"])
    def checks() -> Checks:
        """How each check did in the runs that are kept."""
        return Checks(checks=check_answers(history.availability()))
