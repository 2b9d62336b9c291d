"""`sql` in `verify`, through the engine: one pool a database a run, errors at their places."""

from __future__ import annotations

import sqlite3

import pytest

from tests.engine.projects import Ran
from tests.engine.test_language import Service

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table items (id integer, qty integer)")
        connection.execute("insert into items values (1, 2), (2, 5)")
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(params=["asyncio"])
def anyio_backend(request):
    return request.param


async def test_rows_are_judged(tmp_path, database):
    text = """
    checks:
      - name: good
        get: /item
        save: {item: $.id}
        verify:
          - sql: select qty from items where id = :id
            with: {id: "${item}"}
            database: ${database}
            rows: [{qty: 2}]
      - name: bad
        get: /item
        verify: {sql: "select qty from items order by id", database: "${database}", rows: [{qty: 2}, {qty: 6}]}
      - name: broken
        get: /item
        verify: {sql: select nowhere from items, database: "${database}"}
      - name: beside steps
        steps: [{get: /item}]
        verify: [{sql: "select 1 as one", database: "${database}", rows: [{one: 1}]}]
    """
    ran = await Ran(tmp_path, text, app=Service(item='{"id": 1}'), given={"database": database}).ended()
    assert ran.outcomes == {"good": "passed", "bad": "failed", "broken": "error", "beside steps": "passed"}
    (mismatch,) = ran.check("bad").mismatches
    assert (mismatch.where, mismatch.path, mismatch.message) == ("sql", "$[1].qty", "expected 6, got 5")
    assert "no such column: nowhere" in ran.check("broken").reason


async def test_a_password_in_the_url_is_told_nowhere(tmp_path):
    text = """
    checks:
      - name: c
        get: /item
        verify: {sql: select 1, database: "postgresql://ada:hunter22@127.0.0.1:9/shop"}
    """
    ran = await Ran(tmp_path, text, app=Service()).ended()
    assert ran.outcomes == {"c": "error"}
    assert "hunter22" not in repr(ran.events)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_it_says_what_to_do(tmp_path, database):
    text = 'checks: [{name: c, get: /item, verify: {sql: select 1, database: "${database}"}}]'
    ran = await Ran(tmp_path, text, app=Service(), given={"database": database}).ended()
    assert "--backend asyncio" in ran.check("c").reason


@pytest.mark.parametrize("query", ["mode=ro&uri=true", "mode=rw&uri=true", "uri=true&mode=ro"])
async def test_a_uri_that_makes_no_file_is_asked(tmp_path, database, query):
    url = f"{database.replace('sqlite:///', 'sqlite:///file:')}?{query}"
    text = 'checks: [{name: c, get: /item, verify: {sql: select 1 as n, database: "${database}", rows: [{n: 1}]}}]'
    ran = await Ran(tmp_path, text, app=Service(), given={"database": url}).ended()
    assert ran.outcomes == {"c": "passed"}, ran.check("c").reason
