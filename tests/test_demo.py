"""The demo shop: what the specs do not ask, on both event loops."""

import logging
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree.ElementTree import fromstring

import anyio
import httpx
import pytest

from asgi_probe.demo import app, get_rate
from asgi_probe.demo.database import OnTrio, lifespan
from asgi_probe.engine.databases import Databases
from asgi_probe.engine.statement import read_statement

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def shop():
    """A client of the shop, which is open meanwhile, and its state."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope, receive, send):
            await app(scope | {"state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            client.state = state
            yield client


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """The shop's database as a file."""
    path = tmp_path / "shop.db"
    monkeypatch.setenv("DEMO_DATABASE", str(path))
    return path


# the database


async def test_what_fails_is_rolled_back(anyio_backend) -> None:
    async with shop() as client:
        lines = [{"sku": "FRUIT-PEAR", "qty": 1}, {"sku": "NOPE-1", "qty": 1}]
        assert (await client.post("/orders", json={"email": "a@b", "lines": lines})).status_code == 404
        async with client.state["database"].transaction() as transaction:
            assert await transaction.rows("select * from orders") == []
        first = await client.post("/items", json={"sku": "A-1", "name": "A", "price": 1})
        second = await client.post("/items", json={"sku": "A-1", "name": "B", "price": 1})
        assert (first.status_code, second.status_code) == (201, 409)
        assert (await client.get(first.headers["location"])).json()["name"] == "A"


async def test_a_cancelled_transaction_leaves_the_rest_as_it_was(anyio_backend) -> None:
    async with shop() as client:
        database = client.state["database"]
        with anyio.move_on_after(0.05) as bound:
            async with database.transaction() as transaction:
                while True:
                    await transaction.run("update items set qty = qty + 1")
                    await anyio.sleep(0)
        assert bound.cancelled_caught
        async with database.transaction() as transaction:
            (row,) = await transaction.rows("select sum(qty) as n from items")
        assert row == {"n": 1587}


async def test_transactions_come_one_after_the_other(anyio_backend) -> None:
    async with shop() as client:
        database = client.state["database"]

        async def add() -> None:
            async with database.transaction() as transaction:
                row = await transaction.row("select qty from items where id = 1")
                await anyio.sleep(0.001)
                await transaction.run("update items set qty = ? where id = 1", row["qty"] + 1)

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(add)
        assert (await client.get("/items/1")).json()["qty"] == 140


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_hooks_have_the_engine(anyio_backend) -> None:
    async with shop() as client:
        numbers = range(1, 16)

        async def write(number: int) -> None:
            item = {"sku": f"A-{number}", "name": "A", "price": 1}
            assert (await client.post("/items", json=item)).status_code == 201

        async def look() -> None:
            async with app.state.engine.connect() as connection:
                await connection.exec_driver_sql("select * from items")

        async with anyio.create_task_group() as tasks:
            for number in numbers:
                tasks.start_soon(write, number)
                tasks.start_soon(look)
        async with app.state.engine.connect() as connection:
            result = await connection.exec_driver_sql("select count(*) from items where sku like 'A-%'")
            assert result.scalar() == len(numbers)
    assert app.state.engine is None


async def test_two_shops_share_nothing(anyio_backend) -> None:
    async with lifespan(app) as one, lifespan(app) as other:
        async with one["database"].transaction() as transaction:
            await transaction.run("delete from items")
        async with other["database"].transaction() as transaction:
            assert len(await transaction.rows("select * from items")) == 7


async def test_a_file_is_kept(kept, anyio_backend) -> None:
    for _ in range(2):
        async with shop() as client:
            assert (await client.get("/health")).json()["status"] == "ok"
            assert isinstance(client.state["database"]._connection, OnTrio) == (anyio_backend == "trio")
    connection = sqlite3.connect(kept)
    assert connection.execute("select count(*) from items").fetchone() == (7,)
    connection.close()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_sql_looks_into_the_same_file(kept, anyio_backend) -> None:
    databases = Databases()
    async with shop() as client:
        statement = read_statement("select qty from items where sku = :sku")
        await client.post("/items", json={"sku": "A-1", "name": "A", "price": 1, "qty": 3})
        assert await databases.rows(f"sqlite:///{kept}", statement, {"sku": "A-1"}) == [{"qty": 3}]
    await databases.aclose()


# what it logs


async def test_it_logs_what_is_odd(caplog, anyio_backend) -> None:
    async with shop() as client:
        with caplog.at_level(logging.INFO, "shop"):
            order = {"email": "a@b", "lines": [{"sku": "FRUIT-PLUM", "qty": 2}, {"sku": "FRUIT-PEAR", "qty": 2}]}
            created = (await client.post("/orders", json=order)).json()
            assert (await client.get("/crash")).status_code == 500
    assert [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "shop"] == [
        ("WARNING", f"order {created['id']} takes 2 of FRUIT-PLUM, there are 0"),
        ("INFO", f"order {created['id']} is confirmed"),
        ("WARNING", "the drawer of the till does not close"),
    ]


# GraphQL

PRICES = 'query Prices($category: String = "fruit") { items(category: $category, first: 2) { sku price } }'
ONE = "query One($sku: String!) { item(sku: $sku) { __typename title: name } }"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            {"query": '{ items(category: "fruit", first: 1) { sku price } }'},
            {"data": {"items": [{"sku": "FRUIT-APPLE", "price": 0.5}]}},
        ),
        (
            {"query": PRICES, "variables": {"category": "vegetable"}},
            {"data": {"items": [{"sku": "VEG-TOMATO", "price": 0.35}, {"sku": "VEG-POTATO", "price": 0.15}]}},
        ),
        (
            {"query": PRICES + ONE, "operationName": "One", "variables": {"sku": "FRUIT-PEAR"}},
            {"data": {"item": {"__typename": "Item", "title": "Pear"}}},
        ),
        (
            {"query": '# two\n{ a: item(sku: "NO-1") { id }, b: items(first: 1) { id } }'},
            {
                "data": {"a": None, "b": [{"id": 1}]},
                "errors": [{"message": "There is no item 'NO-1'.", "path": ["a"]}],
            },
        ),
    ],
)
async def test_graphql_answers(asked, answer, anyio_backend) -> None:
    async with shop() as client:
        came = await client.post("/graphql", json=asked)
    assert came.status_code == 200
    assert came.json() == answer


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"query": "{ items { sku "}, "Syntax Error: Expected Name, found <EOF>."),
        ({"query": "{ items { ! } }"}, "Syntax Error: Expected Name, found '!'."),
        ({"query": "mutation { buy }"}, "Syntax Error: Expected 'query', found Name 'mutation'."),
        ({"query": "{ items(first: x) { id } }"}, "Syntax Error: Unexpected 'x'."),
        ({"query": ""}, "Must provide operation name."),
        ({"query": PRICES + ONE}, "Must provide operation name."),
        ({"query": PRICES, "operationName": "Two"}, "Unknown operation named 'Two'."),
        ({"query": ONE}, "Variable '$sku' of required type was not provided."),
        ({"query": "{ users { id } }"}, "Cannot query field 'users' on type 'Query'."),
        ({"query": "{ items { colour } }"}, "Cannot query field 'colour' on type 'Item'."),
        ({"query": "{ items(last: 1) { id } }"}, "Unknown argument 'last' on field 'Query.items'."),
        ({"query": "{ items }"}, "Field 'items' of type 'Item' must have a selection of subfields."),
        ({"query": "{a" * 1000}, "The query is too deep."),
    ],
)
async def test_graphql_s_errors_come_with_200(asked, message, anyio_backend) -> None:
    async with shop() as client:
        came = await client.post("/graphql", json=asked)
    assert (came.status_code, came.json()) == (200, {"errors": [{"message": message}]})


async def test_graphql_s_values_have_types(anyio_backend) -> None:
    async with shop() as client:
        came = await client.post("/graphql", json={"query": '{ items(first: "1") { id } }'})
    assert came.json()["errors"] == [{"message": "Argument 'first' has invalid value \"1\".", "path": ["items"]}]


# the rest


async def test_the_page_lists_the_fruit(anyio_backend) -> None:
    async with shop() as client:
        await client.post("/items", json={"sku": "F-1", "name": "<Fig>", "price": 1, "category": "fruit"})
        came = await client.get("/page")
    assert came.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>The shop</title>" in came.text
    assert '<li class="item" data-price="0.5"><a href="/items/4">Apple</a></li>' in came.text
    assert ">&lt;Fig&gt;</a>" in came.text


async def test_the_feed_is_xml_with_two_namespaces(anyio_backend) -> None:
    async with shop() as client:
        await client.post("/items", json={"sku": "F-1", "name": "Fig & date", "price": 1, "category": "fruit"})
        came = await client.get("/feed.xml")
    assert came.headers["content-type"] == "application/atom+xml"
    names = {"a": "http://www.w3.org/2005/Atom", "shop": "https://example.com/shop"}
    entries = fromstring(came.text).findall("a:entry", names)
    assert [(entry.findtext("a:title", None, names), entry.findtext("shop:price", None, names)) for entry in entries][
        -1
    ] == ("Fig & date", "1.0")


async def test_a_job_gets_done(anyio_backend) -> None:
    async with shop() as client:
        started = await client.post("/jobs")
        seen = []
        with anyio.fail_after(5):
            while "done" not in seen:
                job = (await client.get(started.headers["location"])).json()
                seen += [job["status"]] * (job["status"] not in seen)
                await anyio.sleep(0.02)
        assert (await client.get("/jobs/none")).status_code == 404
    assert started.status_code == 202
    assert started.json() == {"id": job["id"], "status": "queued", "result": None}
    assert seen == ["queued", "running", "done"]
    assert job["result"] == 42


async def test_a_price_in_another_currency(anyio_backend) -> None:
    async with shop() as client:
        assert (await client.get("/items/7/price")).json() == {"price": 2.5, "currency": "eur"}
        assert (await client.get("/items/7/price?currency=usd")).json() == {"price": 2.7, "currency": "usd"}
        assert (await client.get("/items/7/price?currency=xyz")).status_code == 422
        app.dependency_overrides[get_rate] = lambda: 2.0
        try:
            assert (await client.get("/items/7/price?currency=usd")).json() == {"price": 5.0, "currency": "usd"}
        finally:
            app.dependency_overrides.clear()


@pytest.mark.parametrize(("key", "status"), [({}, 401), ({"x-api-key": "no"}, 403), ({"x-api-key": "é".encode()}, 403)])
async def test_reports_want_a_key(key, status, anyio_backend) -> None:
    async with shop() as client:
        assert (await client.get("/reports", headers=key)).status_code == status
        assert (await client.get("/reports", headers={"x-api-key": "key-of-the-shop"})).status_code == 200


async def test_the_counter_is_one_number(anyio_backend) -> None:
    async with shop() as client:
        assert (await client.get("/counter")).json() == {"value": 0}
        assert (await client.put("/counter", json={"value": 5})).json() == {"value": 5}
        assert (await client.get("/counter")).json() == {"value": 5}
