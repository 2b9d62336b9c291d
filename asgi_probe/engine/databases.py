"""The databases that a run looks into, through SQLAlchemy's async engines: one pool each."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from inspect import isawaitable
from os import strerror
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio
import anyio.lowlevel

from asgi_probe.engine.columns import as_json
from asgi_probe.engine.secrets import MASK, SHORTEST
from asgi_probe.errors import ProbeError
from asgi_probe.spec.exact_json import read_json
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.written import as_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from asgi_probe.engine.statement import Kind, Statement

MOST_ROWS = 10_000
MOST_TEXT = 10 * 2**20
"""Characters and bytes of all rows together."""
_BATCH = 200
_LONGEST = 30.0
_CLOSING = 5.0
_LONGEST_MESSAGE = 500

Row = dict[str, Any]
Fetch = Callable[["Connection"], list[Row]]


class NoDatabase(ProbeError):  # noqa: N818 - says what there is not
    """A database that there is no connection to."""


class Refused(ProbeError):  # noqa: N818 - says what the database did
    """A statement that gives no rows that could be judged."""


@dataclass(frozen=True, slots=True)
class _Driver:
    kind: Kind
    package: str
    extra: str
    stop: str
    """What its connections call the end of a statement that nobody waits for any more."""
    looking: str = "set transaction read only"
    """What makes the rest of a transaction unable to change anything, and bounds it where that is known."""


_SQLITE = _Driver("sqlite", "aiosqlite", "sql", "interrupt", "pragma query_only = on")
_POSTGRESQL = _Driver(
    "postgresql", "asyncpg", "postgresql", "terminate",
    # a server does not notice that nobody waits any more: it has to stop by itself
    "select set_config('transaction_read_only', 'on', true), set_config('statement_timeout',"
    " coalesce(nullif(current_setting('statement_timeout'), '0'), '{milliseconds:.0f}'), true)",
)  # fmt: skip
_MYSQL = _Driver("mysql", "aiomysql", "mysql", "close")
_DRIVERS = {
    "sqlite": _SQLITE,
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}

_URL = re.compile(r"(?P<name>[a-zA-Z]\w*)(?:\+\w+)?://(?P<rest>.*)", re.DOTALL)
_PASSWORD = re.compile(r"(?<=://)([^:@/]*):(.+)@", re.DOTALL)
_PASSWORD_KEYS = ("password", "passwd")


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """A database's URL, whose driver is ours whatever it names; `shown` is without the password."""

    driver: _Driver
    rest: str
    passwords: frozenset[str]
    shown: str

    @classmethod
    def read(cls, text: Any) -> DatabaseUrl:
        """Raises NoDatabase, whose message does not hold the text."""
        found = _URL.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise NoDatabase("it is no database URL; expected one such as 'postgresql://user:password@host/name'")
        driver = _DRIVERS.get(found["name"].lower())
        if driver is None:
            near = did_you_mean(found["name"], _DRIVERS) or f"there are: {', '.join(_DRIVERS)}"
            raise NoDatabase(f"no database is known as {found['name']!r}; {near}")
        passwords = frozenset(_passwords(text))
        shown = _PASSWORD.sub(rf"\1:{MASK}@", text)
        return cls(driver, found["rest"], passwords, _masked(printable(shown), passwords))

    @property
    def whole(self) -> str:
        """The URL as SQLAlchemy takes it."""
        return f"{self.driver.kind}+{self.driver.package}://{self.rest}"


def _passwords(url: str) -> Iterator[str]:
    """As they are written in a URL, and what they stand for."""
    if found := _PASSWORD.search(url):
        yield from (found[2], unquote(found[2]))
    query = url.rpartition("?")[2] if "?" in url else ""
    yield from (value for key, value in parse_qsl(query) if key in _PASSWORD_KEYS)


def _masked(text: str, passwords: frozenset[str]) -> str:
    for password in sorted(passwords, key=len, reverse=True):
        if len(password) >= SHORTEST:
            text = text.replace(password, MASK)
    return text


@dataclass(slots=True, eq=False)
class Databases:
    """The pools of one run, made in its event loop when they are first asked for; to be closed in it.

    `passwords` are those of all URLs that were used.
    """

    longest: float = _LONGEST
    """Seconds that a statement may take, connecting included."""
    passwords: set[str] = field(default_factory=set)
    _engines: dict[str, AsyncEngine] = field(default_factory=dict)

    async def rows(self, url: Any, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """What a statement gives, as JSON data, in a read-only transaction that is rolled back.

        Raises NoDatabase, Refused, and BadParameter.
        """
        read = DatabaseUrl.read(url)
        self.passwords |= read.passwords
        sql, given = statement.render(read.driver.kind, values)
        try:
            engine = self._engine(read)
            with anyio.move_on_after(self.longest):
                looking = read.driver.looking.format(milliseconds=(self.longest + 1) * 1000)
                return await _look(engine, read.driver.stop, partial(_fetch, looking=looking, sql=sql, values=given))
        except (NoDatabase, Refused) as error:
            raise type(error)(f"{_masked(str(error), read.passwords)} ({read.shown})") from None
        raise Refused(f"the database did not answer within {self.longest:g} s ({read.shown})")

    def _engine(self, url: DatabaseUrl) -> AsyncEngine:
        _need_asyncio()
        if url.whole not in self._engines:
            _need_packages(url.driver)
            self._engines[url.whole] = _make_engine(url)
        return self._engines[url.whole]

    async def aclose(self) -> None:
        """Close all pools; what does not close within seconds is left behind."""
        engines = list(self._engines.values())
        self._engines.clear()
        for engine in engines:
            with anyio.move_on_after(_CLOSING, shield=True):
                await engine.dispose()


def _need_asyncio() -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise NoDatabase("'sql' works on asyncio only; run with --backend asyncio") from None


def _need_packages(driver: _Driver) -> None:
    for package in ("sqlalchemy", "greenlet", driver.package):
        if find_spec(package) is None:
            raise NoDatabase(f"it needs the package {package}: pip install 'asgi-probe[{driver.extra}]'")


def _make_engine(url: DatabaseUrl) -> AsyncEngine:
    from sqlalchemy import event
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.ext.asyncio import create_async_engine

    try:
        if url.driver.kind == "postgresql":
            return _make_postgresql(url)
        engine = create_async_engine(url.whole)
    except (SQLAlchemyError, ValueError):
        raise NoDatabase("it is no database URL") from None
    if url.driver.kind == "sqlite":
        event.listen(engine.sync_engine, "do_connect", partial(_need_file, engine.url.database, engine.url.query))
    return engine


def _need_file(path: str | None, asked: Mapping[str, Any], *_: Any) -> None:
    """SQLite would make an empty database of a file that is not there."""
    if not path or path == ":memory:":
        return
    if path.startswith("file:"):
        query = dict(parse_qsl(path.partition("?")[2])) | dict(asked)
        if query.get("mode") not in ("ro", "rw", "memory") and "memdb" not in query.get("vfs", ""):
            raise NoDatabase(f"{path!r} may make an empty database: say mode=ro behind the '?'")
        if query.get("mode") in ("ro", "rw") and not Path(unquote(urlsplit(path).path)).is_file():
            raise NoDatabase(f"there is no file {path!r}")
    elif not Path(path).is_file():
        raise NoDatabase(f"there is no file {path!r}")


def _make_postgresql(url: DatabaseUrl) -> AsyncEngine:
    """The driver reads the URL itself: it knows `sslmode` and what else PostgreSQL's own programs take in one."""
    import asyncpg  # type: ignore[import-untyped] # it ships no types
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    connect = partial(asyncpg.connect, f"postgresql://{url.rest}", statement_cache_size=0)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    event.listen(engine.sync_engine, "connect", _teach_types)
    return engine


def _teach_types(connection: Any, _record: Any) -> None:
    connection.run_async(_teach)


async def _teach(connection: Any) -> None:
    """Have PostgreSQL read and write moments and numbers as text, so that a spec's texts are taken and none is lost."""
    texts = {"date": str, "time": str, "timetz": _iso, "timestamp": _iso, "timestamptz": _iso, "numeric": _number}
    for name, decoder in texts.items():
        await _set_codec(connection, name, as_text, decoder)
    for name in ("json", "jsonb"):
        await _set_codec(connection, name, as_text, read_json)


async def _set_codec(connection: Any, name: str, encoder: Any, decoder: Any) -> None:
    await connection.set_type_codec(name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="text")


_HOURS = re.compile(r":\d\d(?:\.\d+)?[+-]\d\d$")


def _iso(moment: str) -> str:
    """PostgreSQL's `2024-02-29 12:00:00+00` as ISO 8601."""
    written = moment.replace(" ", "T", 1)
    return f"{written}:00" if _HOURS.search(written) else written


def _number(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


async def _look(engine: AsyncEngine, stop: str, fetch: Fetch) -> list[Row]:
    connection = engine.connect()
    try:
        await connection.start()
    except ProbeError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like, and all of it means no connection
        raise NoDatabase(_said(error)) from None
    try:
        return await _stoppable(connection, stop, fetch)
    except ProbeError:
        raise
    except Exception as error:  # noqa: BLE001 - as above; it means that the statement was refused
        raise Refused(_said(error)) from None
    finally:
        with anyio.move_on_after(_CLOSING, shield=True), suppress(Exception):
            await connection.close()


async def _stoppable(connection: AsyncConnection, stop: str, fetch: Fetch) -> list[Row]:
    """Cancelled, it stops the driver: SQLAlchemy and SQLite's thread would go on, or leave a broken connection."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    ended = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_unless, ended, getattr(driver, stop))
        with anyio.CancelScope(shield=True):
            found = await _caught(connection, fetch)
        ended.set()
    await anyio.lowlevel.checkpoint_if_cancelled()
    if isinstance(found, Exception):
        raise found
    return found


async def _caught(connection: AsyncConnection, fetch: Fetch) -> list[Row] | Exception:
    """What a task group would wrap into an exception group."""
    try:
        return await connection.run_sync(fetch)
    except Exception as error:  # noqa: BLE001 - raised again outside of the task group
        return error


async def _stop_unless(ended: anyio.Event, stop: Callable[[], Any]) -> None:
    """When cancelled, again and again: what comes before the statement has begun is without effect in SQLite."""
    try:
        await ended.wait()
    finally:
        with anyio.CancelScope(shield=True):
            while not ended.is_set():
                stopping = stop()
                if isawaitable(stopping):
                    await stopping
                await anyio.sleep(0.02)


def _fetch(connection: Connection, *, looking: str, sql: str, values: tuple[Any, ...]) -> list[Row]:
    connection.exec_driver_sql(looking)
    result = connection.exec_driver_sql(sql, values, execution_options={"stream_results": True})
    if not result.returns_rows:
        raise Refused("the statement gives no rows; 'sql' looks, it changes nothing")
    try:
        rows = _bounded_rows(result, _names(result))
    except Exception:
        connection.invalidate()  # to close the result would be to read the rest of it
        raise
    result.close()
    return rows


def _bounded_rows(result: CursorResult[Any], names: list[str]) -> list[Row]:
    rows: list[Row] = []
    size = 0
    while batch := result.fetchmany(_BATCH):
        rows += [dict(zip(names, map(as_json, row), strict=True)) for row in batch]
        size += sum(len(value) for row in batch for value in row if isinstance(value, str | bytes))
        if len(rows) > MOST_ROWS:
            raise Refused(f"the statement gives more than {MOST_ROWS:,} rows; count or limit them in it")
        if size > MOST_TEXT:
            raise Refused(f"the rows hold more than {MOST_TEXT // 2**20} MiB of text; select less")
    return rows


def _names(result: CursorResult[Any]) -> list[str]:
    names = list(result.keys())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Refused(f"the statement gives two columns named {twice!r}; name them apart with 'as'")
    return names


_NOISE = re.compile(r"^<class '[\w.]+'>: |\s*\(Background on this error at: \S+\)")


def _said(error: Exception) -> str:
    """What a driver says, in a line."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.errno and cause.strerror:
        text = strerror(cause.errno).lower() if cause.errno > 0 else cause.strerror  # name look-ups count below zero
    elif len(cause.args) > 1 and isinstance(cause.args[0], int):  # MySQL's number and text
        text = str(cause.args[1])
    else:
        text = str(cause)
    line = "; ".join(part.strip() for part in _NOISE.sub("", text).splitlines() if part.strip())
    return printable(line)[:_LONGEST_MESSAGE] or type(cause).__name__
