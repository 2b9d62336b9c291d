"""Where the shop keeps its items and orders: SQLite, through SQLAlchemy's async engine or, on trio, sqlite-anyio."""

import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol, TypedDict, TypeVar

import anyio
from fastapi import Depends, FastAPI, HTTPException, Request
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

LOG = logging.getLogger("shop")
LOG.setLevel(logging.INFO)
LOG.addHandler(logging.NullHandler())  # quiet, unless somebody listens

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

Row = dict[str, Any]
T = TypeVar("T")


class Result(NamedTuple):
    rows: list[Row]
    changed: int


class Connection(Protocol):
    async def execute(self, sql: str, values: tuple[Any, ...]) -> Result: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a handler has of the database, until it ends."""

    connection: Connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return (await _undisturbed(self.connection.execute, sql, values)).rows

    async def row(self, sql: str, *values: Any) -> Row:
        """The only row; 404 without one."""
        rows = await self.rows(sql, *values)
        if not rows:
            raise HTTPException(404, "there is no such thing")
        return rows[0]

    async def run(self, sql: str, *values: Any) -> int:
        """Rows that were changed."""
        return (await _undisturbed(self.connection.execute, sql, values)).changed


class Database:
    """One connection: whoever writes, or reads what belongs together, holds it alone and commits at the end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = anyio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._lock:
            try:
                yield Transaction(self._connection)
            except BaseException:
                await _undisturbed(self._connection.rollback)
                raise
            else:
                await _undisturbed(self._connection.commit)


async def _undisturbed(act: Callable[..., Awaitable[T]], *values: Any) -> T:
    """Cancelled in the middle, a connection would be given up, and with it what is kept in memory."""
    with anyio.CancelScope(shield=True):
        given = await act(*values)
    return given  # noqa: RET504 - to mypy, a scope that is left by a return may swallow it


class State(TypedDict):
    """What the lifespan gives to every request."""

    database: Database
    sessions: dict[str, str]
    attempts: dict[str, int]
    jobs: dict[str, float]
    counter: dict[str, int]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Hooks find the async engine as `app.state.engine`; on trio there is none."""
    # in memory and with a name, so that hooks have a connection, and transactions, of their own
    path = os.environ.get("DEMO_DATABASE") or f"file:/shop-{secrets.token_hex(8)}?vfs=memdb&uri=true"
    opened = on_asyncio(app, path) if _is_asyncio() else on_trio(path)
    async with opened as connection:
        database = Database(connection)
        async with database.transaction() as transaction:
            for statement in SCHEMA.split(";\n"):
                await transaction.run(statement)
        yield {"database": database, "sessions": {}, "attempts": {}, "jobs": {}, "counter": {"value": 0}}


def _is_asyncio() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class OnAsyncio:
    connection: AsyncConnection

    async def execute(self, sql: str, values: tuple[Any, ...]) -> Result:
        result = await self.connection.exec_driver_sql(sql, values)
        rows = [dict(row) for row in result.mappings()] if result.returns_rows else []
        return Result(rows, result.rowcount)

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()


@asynccontextmanager
async def on_asyncio(app: FastAPI, path: str) -> AsyncIterator[Connection]:
    """A connection of the engine that is open meanwhile."""
    name, _, query = path.partition("?")
    options = dict(option.split("=") for option in query.split("&")) if query else {}
    app.state.engine = engine = create_async_engine(URL.create("sqlite+aiosqlite", database=name, query=options))
    try:
        async with engine.connect() as connection:
            yield OnAsyncio(connection)
    finally:
        app.state.engine = None
        await _undisturbed(engine.dispose)


@dataclass(frozen=True, slots=True)
class OnTrio:
    connection: Any

    async def execute(self, sql: str, values: tuple[Any, ...]) -> Result:
        cursor = await self.connection.execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
        return Result(rows, cursor.rowcount)

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()


@asynccontextmanager
async def on_trio(path: str) -> AsyncIterator[Connection]:
    import sqlite_anyio

    connection = await sqlite_anyio.connect(path, uri=path.startswith("file:"))
    try:
        yield OnTrio(connection)
    finally:
        await connection.close()


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    async with request.state.database.transaction() as transaction:
        yield transaction


# the function's scope ends before the answer is sent: whoever has read the answer can rely on what was written
Shop = Annotated[Transaction, Depends(transaction, scope="function")]
