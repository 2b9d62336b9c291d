"""HTTP itself: echoes, redirects, cookies, uploads, what is slow, flaky, endless or broken."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated, Literal
from uuid import uuid4

import anyio
from fastapi import APIRouter, Body, Form, HTTPException, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from asgi_probe.demo.database import LOG, Row

routes = APIRouter()


@routes.post("/upload")
async def upload(files: list[UploadFile], note: Annotated[str, Form()] = "") -> Row:
    told = [{"name": file.filename, "type": file.content_type, "size": file.size} for file in files]
    return {"note": note, "files": told}


@routes.post("/subscribe", status_code=202)
async def subscribe(email: Annotated[str, Form()], topics: Annotated[list[str], Form()]) -> Row:
    return {"email": email, "topics": topics}


async def echo(request: Request) -> JSONResponse:
    """The request as it came, whatever its method."""
    came = {
        "method": request.method,
        "path": request.url.path,
        "query": {key: request.query_params.getlist(key) for key in request.query_params},
        "headers": {key: request.headers.getlist(key) for key in request.headers},
        "cookies": request.cookies,
        "body": (await request.body()).decode("utf-8", "backslashreplace"),
    }
    return JSONResponse(came)


routes.add_route("/echo", echo, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"])


@routes.api_route("/moved/{status}", methods=["GET", "HEAD", "POST", "PUT"])
async def moved(status: Literal["301", "302", "303", "307", "308"], to: str = "/echo") -> RedirectResponse:
    return RedirectResponse(to, int(status))


@routes.get("/hops/{left}")
async def hops(left: int) -> Response:
    """As many redirects as are left; below zero they have no end."""
    return RedirectResponse(f"/hops/{left - 1}", 302) if left else JSONResponse({"arrived": True})


@routes.get("/preferences")
async def preferences(request: Request, response: Response) -> dict[str, str]:
    """Sets cookies of several kinds, and tells those that it got."""
    response.set_cookie("theme", "dark", expires=datetime.now(UTC) + timedelta(days=365), path="/preferences")
    response.set_cookie("tracking", "no", domain=request.url.hostname, secure=True, samesite="strict")
    return request.cookies


@routes.get("/slow")
async def slow(seconds: Annotated[float, Query(ge=0, le=60)] = 1) -> dict[str, float]:
    await anyio.sleep(seconds)
    return {"slept": seconds}


@routes.get("/flaky/{key}")
async def flaky(key: str, request: Request, fails: Annotated[int, Query(ge=0)] = 1) -> dict[str, int]:
    """Fails the first times that a key is asked for."""
    attempts: dict[str, int] = request.state.attempts
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] <= fails:
        raise HTTPException(503, "not yet", {"retry-after": "1"})
    return {"attempt": attempts[key]}


@routes.get("/stream")
async def stream(lines: Annotated[int, Query(ge=0, le=10_000)] = 3, *, breaks: bool = False) -> StreamingResponse:
    """A line of JSON at a time; `breaks` has the app give up at the end."""

    async def numbers() -> AsyncIterator[str]:
        for number in range(lines):
            yield json.dumps({"line": number}) + "\n"
        if breaks:
            raise RuntimeError("the truck has left")

    return StreamingResponse(numbers(), media_type="application/x-ndjson")


@routes.get("/big")
async def big(size: Annotated[int, Query(alias="bytes", ge=0, le=10**10)]) -> StreamingResponse:
    async def dots() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b"." * min(65_536, size - start)

    return StreamingResponse(dots(), media_type="text/plain", headers={"content-length": str(size)})


@routes.get("/crash")
async def crash() -> None:
    LOG.warning("the drawer of the till does not close")
    raise RuntimeError("the till is jammed")


# what changes while one waits


QUEUED_SECONDS = 0.1
JOB_SECONDS = 0.3


@routes.post("/jobs", status_code=202)
async def start_job(request: Request, response: Response) -> Row:
    """Something that takes a while; ask `GET /jobs/{id}` how far it is."""
    job_id = uuid4().hex
    request.state.jobs[job_id] = monotonic()
    LOG.info("job %s is queued", job_id)
    response.headers["location"] = f"/jobs/{job_id}"
    return {"id": job_id, "status": "queued", "result": None}


@routes.get("/jobs/{job_id}")
async def read_job(job_id: str, request: Request) -> Row:
    started = request.state.jobs.get(job_id)
    if started is None:
        raise HTTPException(404, "there is no such job")
    passed = monotonic() - started
    status = "queued" if passed < QUEUED_SECONDS else "running" if passed < JOB_SECONDS else "done"
    return {"id": job_id, "status": status, "result": 42 if status == "done" else None}


@routes.get("/counter")
async def read_counter(request: Request) -> dict[str, int]:
    """One number for everybody, which two who read, add and write at the same time spoil."""
    return {"value": request.state.counter["value"]}


@routes.put("/counter")
async def write_counter(value: Annotated[int, Body(embed=True)], request: Request) -> dict[str, int]:
    request.state.counter["value"] = value
    return {"value": value}
