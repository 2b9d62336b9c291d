"""A small shop, to have something to probe: the app that the specs in `specs/` ask, in process and live.

`DEMO_DATABASE` names the SQLite file it keeps; without it everything is in memory and forgotten at the end.
"""

import gzip
import hmac
import json
import os
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from sqlite3 import IntegrityError
from typing import Annotated, Any, Literal, TypedDict
from urllib.request import parse_http_list, parse_keqv_list
from uuid import uuid4

import anyio
import sqlite_anyio
from fastapi import BackgroundTasks, Body, Depends, FastAPI, Form, HTTPException, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field

USERS = {"ada": "lovelace", "grace": "hopper"}
SESSION_SECONDS = 1800
REALM = "shop"
KEY = secrets.token_bytes(32)
NONCE = secrets.token_hex(16)
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
DRAWN = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)

SCHEMA = """
create table if not exists items (
    id integer primary key autoincrement, sku text not null unique, name text not null,
    price real not null, qty integer not null, category text not null
);
create table if not exists orders (
    id integer primary key autoincrement, email text not null, status text not null, created_at text not null
);
create table if not exists lines (
    order_id integer not null references orders (id), sku text not null, qty integer not null, price real not null
);
insert or ignore into items (sku, name, price, qty, category) values
    ('VEG-TOMATO', 'Tomato', 0.35, 120, 'vegetable'), ('VEG-POTATO', 'Potato', 0.15, 900, 'vegetable'),
    ('VEG-PEPPER', 'Bell pepper', 0.8, 45, 'vegetable'), ('FRUIT-APPLE', 'Apple', 0.5, 300, 'fruit'),
    ('FRUIT-PEAR', 'Pear', 0.6, 210, 'fruit'), ('FRUIT-PLUM', 'Plum', 0.2, 0, 'fruit'),
    ('FRUIT-MELON', 'Melon', 2.5, 12, 'fruit');
"""


class NewItem(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]+(-\w+)+$")
    name: str = Field(min_length=1, max_length=80)
    price: float = Field(gt=0)
    qty: int = Field(default=0, ge=0)
    category: str = "other"


class ItemChange(BaseModel):
    name: str | None = Field(default=None, min_length=1, max_length=80)
    price: float | None = Field(default=None, gt=0)
    qty: int | None = Field(default=None, ge=0)


class NewLine(BaseModel):
    sku: str
    qty: int = Field(gt=0)


class NewOrder(BaseModel):
    email: str = Field(pattern=r"^\S+@\S+$")
    lines: list[NewLine] = Field(min_length=1)


Row = dict[str, Any]


class Database:
    """One connection: whoever writes, or reads what belongs together, holds it alone and commits at the end."""

    def __init__(self, connection: sqlite_anyio.Connection) -> None:
        self._connection = connection
        self._lock = anyio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Database"]:
        async with self._lock, self._connection:
            yield self

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        cursor = await self._connection.execute(sql, values)
        rows = await cursor.fetchall()
        return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in rows]

    async def row(self, sql: str, *values: Any) -> Row:
        """The only row; 404 without one."""
        rows = await self.rows(sql, *values)
        if not rows:
            raise HTTPException(404, "there is no such thing")
        return rows[0]

    async def run(self, sql: str, *values: Any) -> int:
        """Rows that were changed."""
        return (await self._connection.execute(sql, values)).rowcount


class State(TypedDict):
    """What the lifespan gives to every request."""

    database: Database
    sessions: dict[str, str]
    attempts: dict[str, int]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
    connection = await sqlite_anyio.connect(os.environ.get("DEMO_DATABASE", ":memory:"))
    try:
        await (await connection.cursor()).executescript(SCHEMA)
        await connection.commit()
        yield {"database": Database(connection), "sessions": {}, "attempts": {}}
    finally:
        await connection.close()


async def transaction(request: Request) -> AsyncIterator[Database]:
    async with request.state.database.transaction() as database:
        yield database


# the function's scope ends before the answer is sent: whoever has read the answer can rely on what was written
Shop = Annotated[Database, Depends(transaction, scope="function")]

app = FastAPI(title="Shop", version="1.0", lifespan=lifespan)


@app.get("/")
async def root() -> dict[str, str]:
    return {"message": "Tomato"}


@app.get("/health")
async def health(database: Shop) -> dict[str, str]:
    return {"status": "ok", "sqlite": (await database.row("select sqlite_version() as version"))["version"]}


# items


@app.get("/items")
async def list_items(
    database: Shop,
    response: Response,
    category: Annotated[list[str] | None, Query()] = None,
    sort: Literal["id", "name", "price", "qty"] = "id",
    descending: bool = False,  # noqa: FBT002 - a query parameter
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Row:
    """Items, filtered, sorted and paged."""
    asked = json.dumps(category)
    where = "where ? = 'null' or category in (select value from json_each(?))"
    total = (await database.row(f"select count(*) as n from items {where}", asked, asked))["n"]  # noqa: S608 - constants
    order = f"order by {sort} {'desc' if descending else 'asc'}, id limit ? offset ?"
    found = await database.rows(f"select * from items {where} {order}", asked, asked, size, (page - 1) * size)  # noqa: S608 - `sort` is one of four
    response.headers["x-total-count"] = str(total)
    return {"items": found, "total": total, "page": page, "pages": -(-total // size)}


@app.post("/items", status_code=201)
async def create_item(item: NewItem, database: Shop, response: Response) -> Row:
    columns = (item.sku, item.name, item.price, item.qty, item.category)
    try:
        await database.run("insert into items (sku, name, price, qty, category) values (?, ?, ?, ?, ?)", *columns)
    except IntegrityError:
        raise HTTPException(409, f"there is an item {item.sku} already") from None
    created = await database.row("select * from items where sku = ?", item.sku)
    response.headers["location"] = f"/items/{created['id']}"
    return created


@app.get("/items/{item_id}")
async def read_item(item_id: int, database: Shop) -> Row:
    return await database.row("select * from items where id = ?", item_id)


@app.patch("/items/{item_id}")
async def change_item(item_id: int, change: ItemChange, database: Shop) -> Row:
    for column, value in change.model_dump(exclude_none=True).items():
        await database.run(f"update items set {column} = ? where id = ?", value, item_id)  # noqa: S608 - a model's field
    return await database.row("select * from items where id = ?", item_id)


@app.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int, database: Shop) -> None:
    if not await database.run("delete from items where id = ?", item_id):
        raise HTTPException(404, "there is no such thing")


# orders


@app.post("/orders", status_code=201)
async def create_order(order: NewOrder, database: Shop, request: Request, later: BackgroundTasks) -> Row:
    """Take an order; it is confirmed in the background."""
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    row = await database.row(
        "insert into orders (email, status, created_at) values (?, 'new', ?) returning id", order.email, created
    )
    for line in order.lines:
        item = await database.row("select price from items where sku = ?", line.sku)
        await database.run("insert into lines values (?, ?, ?, ?)", row["id"], line.sku, line.qty, item["price"])
    later.add_task(confirm, request.state.database, row["id"])
    return await read_order(row["id"], database)


async def confirm(database: Database, order_id: int) -> None:
    async with database.transaction():
        await database.run("update orders set status = 'confirmed' where id = ?", order_id)


@app.get("/orders/{order_id}")
async def read_order(order_id: int, database: Shop) -> Row:
    order = await database.row("select * from orders where id = ?", order_id)
    sql = "select sku, qty, price, round(qty * price, 2) as total from lines where order_id = ? order by rowid"
    lines = await database.rows(sql, order_id)
    return order | {"lines": lines, "total": round(sum(line["total"] for line in lines), 2)}


# who is there


@app.post("/login")
async def login(
    user: Annotated[str, Body()], password: Annotated[str, Body()], request: Request, response: Response
) -> Row:
    """A token, which is also the session's cookie."""
    if not knows(user, password):
        raise HTTPException(401, "no such user, or another password")
    token = token_for(user)
    request.state.sessions[token] = user
    response.set_cookie("session", token, max_age=SESSION_SECONDS, httponly=True, samesite="lax")
    return {"access_token": token, "token_type": "bearer", "expires_in": SESSION_SECONDS}


@app.post("/logout", status_code=204)
async def logout(request: Request, response: Response) -> None:
    request.state.sessions.pop(request.cookies.get("session"), None)
    response.delete_cookie("session")


@app.get("/me")
async def me(
    request: Request,
    basic: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(realm=REALM, auto_error=False))],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> dict[str, str]:
    """Who asks, by bearer token, by password or by the session's cookie."""
    sessions: dict[str, str] = request.state.sessions
    if basic and knows(basic.username, basic.password):
        return {"user": basic.username, "by": "basic"}
    if bearer and bearer.credentials in sessions:
        return {"user": sessions[bearer.credentials], "by": "bearer"}
    if (cookie := request.cookies.get("session")) in sessions:
        return {"user": sessions[cookie], "by": "cookie"}
    raise HTTPException(401, "who are you?", {"www-authenticate": f'Basic realm="{REALM}"'})


@app.get("/token")
async def token() -> PlainTextResponse:
    """A guest's token, bare."""
    return PlainTextResponse(token_for("guest"))


@app.get("/vault")
async def vault(request: Request) -> dict[str, str]:
    """For digest authentication (RFC 7616) only."""
    scheme, _, fields = request.headers.get("authorization", "").partition(" ")
    given = parse_keqv_list(parse_http_list(fields)) if scheme.lower() == "digest" else {}
    if given.get("nonce") != NONCE or not hmac.compare_digest(given.get("response", "").encode(), digest(given)):
        wanted = f'Digest realm="{REALM}", qop="auth", algorithm=SHA-256, nonce="{NONCE}"'
        raise HTTPException(401, "the vault wants a digest", {"www-authenticate": wanted})
    return {"user": given["username"], "by": "digest"}


def digest(given: dict[str, str]) -> bytes:
    """The response that a client with the right password gives."""
    user = given.get("username", "")
    owner = sha256(f"{user}:{REALM}:{USERS.get(user, secrets.token_hex())}".encode()).hexdigest()
    asked = sha256(f"GET:{given.get('uri')}".encode()).hexdigest()
    rest = f"{NONCE}:{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}"
    return sha256(f"{owner}:{rest}:{asked}".encode()).hexdigest().encode()


def knows(user: str, password: str) -> bool:
    return user in USERS and hmac.compare_digest(USERS[user].encode(), password.encode())


def token_for(user: str) -> str:
    """A JWT, signed with HS256."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": user, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
    head = b".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return b".".join((head, _base64url(hmac.digest(KEY, head, "sha256")))).decode()


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


# what is not JSON


@app.get("/notes.txt")
async def notes() -> PlainTextResponse:
    return PlainTextResponse("Water the tomatoes.\nOrder 12 boxes of pears.\n")


@app.get("/menu.txt")
async def menu(claims: str = "iso8859-15") -> Response:
    """Always in ISO 8859-15, whatever it claims to be in."""
    return Response("Café crème, 2 €".encode("iso8859-15"), media_type=f"text/plain; charset={claims}")


@app.get("/items.csv")
async def items_csv(database: Shop) -> Response:
    rows = await database.rows("select sku, name, price from items where category = 'fruit' order by sku")
    lines = ["sku,name,price", *(f"{row['sku']},{row['name']},{row['price']}" for row in rows)]
    headers = {"content-disposition": 'attachment; filename="items.csv"'}
    return Response("\r\n".join(lines) + "\r\n", media_type="text/csv", headers=headers)


@app.api_route("/logo.png", methods=["GET", "HEAD"])
async def logo(request: Request) -> Response:
    """The beginning of a picture, to be cached for an hour; 304 for who has it already."""
    headers = {
        "etag": f'"{sha256(PIXEL).hexdigest()[:16]}"',
        "cache-control": "public, max-age=3600",
        "last-modified": format_datetime(DRAWN, usegmt=True),
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(PIXEL, media_type="image/png", headers=headers)


@app.get("/catalog.json.gz")
async def catalog(*, torn: bool = False) -> Response:
    """Compressed; `torn` leaves out the end."""
    packed = gzip.compress(json.dumps({"items": ["tomato"] * 500}).encode())
    headers = {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(packed[:-20] if torn else packed, media_type="application/json", headers=headers)


@app.get("/customer")
async def customer() -> Row:
    """One of everything that has a name of its own."""
    now = datetime.now(UTC)
    return {
        "id": str(uuid4()),
        "name": "Ada Lovelace",
        "nickname": None,
        "email": "ada@example.com",
        "website": "https://example.com/ada?lang=en#top",
        "born": "1815-12-10",
        "call_after": "09:30:00",
        "seen_at": now.isoformat(),
        "renews_at": (now + timedelta(days=30)).isoformat().replace("+00:00", "Z"),
        "visit": "PT1H30M",
        "device": {"host": "pad.example.com", "ipv4": "192.0.2.7", "ipv6": "2001:db8::7"},
        "avatar": b64encode(b"<svg/>").decode(),
        "settings": json.dumps({"theme": "dark", "columns": 3}),
        "token": token_for("ada"),
        "points": [3, 5, 8, 13],
        "debts": [],
        "balance": 19.989999999,
    }


@app.post("/upload")
async def upload(files: list[UploadFile], note: Annotated[str, Form()] = "") -> Row:
    told = [{"name": file.filename, "type": file.content_type, "size": file.size} for file in files]
    return {"note": note, "files": told}


@app.post("/subscribe", status_code=202)
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


app.add_route("/echo", echo, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"])


@app.api_route("/moved/{status}", methods=["GET", "HEAD", "POST", "PUT"])
async def moved(status: Literal["301", "302", "303", "307", "308"], to: str = "/echo") -> RedirectResponse:
    return RedirectResponse(to, int(status))


@app.get("/hops/{left}")
async def hops(left: int) -> Response:
    """As many redirects as are left; below zero they have no end."""
    return RedirectResponse(f"/hops/{left - 1}", 302) if left else JSONResponse({"arrived": True})


@app.get("/preferences")
async def preferences(request: Request, response: Response) -> dict[str, str]:
    """Sets cookies of several kinds, and tells those that it got."""
    response.set_cookie("theme", "dark", expires=datetime.now(UTC) + timedelta(days=365), path="/preferences")
    response.set_cookie("tracking", "no", domain=request.url.hostname, secure=True, samesite="strict")
    return request.cookies


@app.get("/slow")
async def slow(seconds: Annotated[float, Query(ge=0, le=60)] = 1) -> dict[str, float]:
    await anyio.sleep(seconds)
    return {"slept": seconds}


@app.get("/flaky/{key}")
async def flaky(key: str, request: Request, fails: Annotated[int, Query(ge=0)] = 1) -> dict[str, int]:
    """Fails the first times that a key is asked for."""
    attempts: dict[str, int] = request.state.attempts
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] <= fails:
        raise HTTPException(503, "not yet", {"retry-after": "1"})
    return {"attempt": attempts[key]}


@app.get("/stream")
async def stream(lines: Annotated[int, Query(ge=0, le=10_000)] = 3, *, breaks: bool = False) -> StreamingResponse:
    """A line of JSON at a time; `breaks` has the app give up at the end."""

    async def numbers() -> AsyncIterator[str]:
        for number in range(lines):
            yield json.dumps({"line": number}) + "\n"
        if breaks:
            raise RuntimeError("the truck has left")

    return StreamingResponse(numbers(), media_type="application/x-ndjson")


@app.get("/big")
async def big(size: Annotated[int, Query(alias="bytes", ge=0, le=10**10)]) -> StreamingResponse:
    async def dots() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b"." * min(65_536, size - start)

    return StreamingResponse(dots(), media_type="text/plain", headers={"content-length": str(size)})


@app.get("/crash")
async def crash() -> None:
    raise RuntimeError("the till is jammed")
