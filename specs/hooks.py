"""What the specs beside it call: hooks, fixtures, judges of values, credentials."""

import sqlite3
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import text

from asgi_probe import Probe, blocking

# hooks


async def row_exists(probe: Probe, table: str = "items") -> None:
    """Look with the engine that the app opened in its lifespan, in the app's own event loop."""
    query = text(f"select qty from {table} where id = :id")  # noqa: S608 - it is the spec that names the table
    async with probe.app.state.engine.connect() as connection:
        row = (await connection.execute(query, {"id": probe.vars["item_id"]})).one_or_none()
    assert row is not None, f"{table} has no row {probe.vars['item_id']}"


async def row_is(probe: Probe, **columns: Any) -> None:
    query = text("select * from items where id = :id")
    async with probe.app.state.engine.connect() as connection:
        row = (await connection.execute(query, {"id": probe.vars["item_id"]})).mappings().one()
    assert {name: row[name] for name in columns} == columns


def cheapest(probe: Probe) -> dict[str, Any]:
    """What a hook returns is saved."""
    items = probe.response.json()["items"]
    return {"cheapest": min(items, key=lambda item: item["price"])}


async def is_listed(probe: Probe) -> None:
    """`probe.client` asks the same target, with the check's cookies and the target's credentials."""
    answer = await probe.client.get("/items", params={"size": 100})
    assert probe.vars["item_id"] in [item["id"] for item in answer.json()["items"]]


@blocking
def is_written_down(probe: Probe) -> None:
    """Plain functions that wait for something belong into a thread."""
    ledger = Path(probe.vars["stall"]["ledger"])
    ledger.write_text(f"item {probe.vars['item_id']}\n", encoding="utf-8")
    assert ledger.read_text(encoding="utf-8").startswith("item ")


# values


def is_price(value: float) -> bool:
    return round(value, 2) == value and value > 0


async def is_known(value: int, probe: Probe) -> bool:
    answer = await probe.client.get(f"/items/{value}")
    assert answer.status_code == 200, f"there is no item {value}"
    return True


# credentials


class ApiKey(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-api-key"] = "key-of-the-shop"
        yield request


# fixtures


@asynccontextmanager
async def stall() -> AsyncIterator[dict[str, Any]]:
    """Open around the file's checks."""
    with TemporaryDirectory() as folder:
        yield {"stall": {"email": "market@example.com", "ledger": str(Path(folder, "ledger.txt"))}}


async def clock(*, timespec: str) -> AsyncIterator[dict[str, Any]]:
    yield {"opened_at": datetime.now(UTC).isoformat(timespec=timespec)}


def price_list() -> Iterator[dict[str, str]]:
    """A database beside the shop's own: the URL of a small SQLite file that lives as long as the file's checks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "prices.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("""
                create table prices (sku text primary key, price real not null, valid_from text not null);
                insert into prices values ('FRUIT-APPLE', 0.5, '2024-01-01'), ('FRUIT-MELON', 2.5, '2024-02-29');
            """)
        yield {"price_list": f"sqlite:///{path}"}


# the app's dependencies


async def fixed_rate(currency: str = "eur") -> float:
    """In place of the demo's `get_rate`, which would ask an exchange far away."""
    return {"eur": 1.0, "usd": 2.0}[currency]
