"""`sql` in `verify`: what is wrong with it in a plan, what it finds in real databases, and how that fails."""

import importlib.util
import sqlite3
import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from uuid import UUID

import anyio
import pytest

from asgi_probe.engine import databases as databases_module
from asgi_probe.engine.columns import as_json
from asgi_probe.engine.databases import Databases, DatabaseUrl, NoDatabase
from asgi_probe.engine.sql import SqlError, compile_sql
from asgi_probe.engine.statement import BadParameter, read_statement, why_not_a_look
from tests.judge.nodes import compilation, read, told

ROOT = Path(__file__).parent.parent.parent
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def plan(text, known=frozenset({"x", "y"})):
    """The plan of a `sql` without problems."""
    c = compilation(known)
    compiled = compile_sql(read(text), c)
    assert [str(problem) for problem in c.problems.diagnostics] == []
    return compiled


async def look(text, scope=None, databases=None):
    """The mismatches of a `sql`, as lines."""
    databases = databases or Databases()
    try:
        return told(await plan(text).run(databases, scope or {}))
    finally:
        await databases.aclose()


async def refused(text, scope=None, **more):
    """The message of the SqlError that a `sql` ends in, and the line of its node."""
    databases = Databases(**more)
    try:
        with pytest.raises(SqlError) as caught:
            await plan(text).run(databases, scope or {})
    finally:
        await databases.aclose()
    return str(caught.value), caught.value.node.line


@pytest.fixture
def shop(tmp_path):
    """The URL of a SQLite file with two items."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(
            """create table items (id integer, sku text, price real, sold boolean, raw blob);
            insert into items values (1, 'A-1', 0.5, true, x'00ff'), (2, 'B-2', 12345678901234567890, false, null);"""
        )
    connection.close()
    return f"sqlite:///{path}"


# the statement


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("select 1", ()),
        ("select :a, :b where x=:a", ("a", "b", "a")),
        ("select :a::int, (:b)::text", ("a", "b")),
        ("select ':no', \"a:no\", `b:no`, 'it''s :no' -- :no\n, :yes /* :no\n:no */", ("yes",)),
        ("select $$ :no $$, $tag$ :no $ :no $tag$, :yes", ("yes",)),
        ("""select '{"a":true}'::jsonb, x[1:2], x[1\\:n]""", ()),
        ("select 'open :a", ("a",)),
    ],
)
def test_parameters_are_found_outside_of_quotes(text, names) -> None:
    statement = read_statement(text)
    assert statement.names == names
    assert len(statement.texts) == len(names) + 1


@pytest.mark.parametrize(
    ("kind", "text", "values", "sql", "given"),
    [
        ("sqlite", "select :a, :b, :a", {"a": 1, "b": "x"}, "select ?, ?, ?", (1, "x", 1)),
        ("postgresql", "select :a::int, :b, :a", {"a": 1, "b": "x"}, "select $1::int, $2, $1", (1, "x")),
        ("mysql", "select :a like '5%'", {"a": 1}, "select %s like '5%%'", (1,)),
        ("mysql", "select x[1\\:2]", {}, "select x[1:2]", ()),
        ("sqlite", "select 1 where 1 in :a", {"a": [1, 2]}, "select 1 where 1 in (?, ?)", (1, 2)),
        ("postgresql", "select 1 where 1 IN (:a)", {"a": [1, 2]}, "select 1 where 1 IN ($1, $2)", (1, 2)),
        ("postgresql", "select 1 = any(:a)", {"a": [1, 2]}, "select 1 = any($1)", ([1, 2],)),
        ("sqlite", "select json_each(:a)", {"a": [1, "x"]}, "select json_each(?)", ('[1, "x"]',)),
        ("postgresql", "select :a::jsonb", {"a": {"b": None}}, "select $1::jsonb", ('{"b": null}',)),
        ("sqlite", "select :a", {"a": Decimal("0.10")}, "select ?", (0.1,)),
        ("mysql", "select :a", {"a": Decimal("0.10")}, "select %s", (Decimal("0.10"),)),
    ],
)
def test_each_kind_of_database_has_its_markers(kind, text, values, sql, given) -> None:
    assert read_statement(text).render(kind, values) == (sql, given)


def test_an_empty_list_cannot_be_looked_for() -> None:
    with pytest.raises(BadParameter, match="the list for ':a' is empty"):
        read_statement("select 1 where 1 in :a").render("sqlite", {"a": []})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("select 1;\n", ""),
        ("-- first\n (select 1) union (select 2)", ""),
        ("with x as (select ';') select * from x", ""),
        ("INSERT into x values (1)", "found a statement that begins with 'INSERT'"),
        ("  ", "found no statement"),
        ("/* select */", "found no statement"),
        ("=", "begins with '='"),
        ("select 1; drop table x", "expected one statement"),
    ],
)
def test_a_statement_that_does_more_than_look_is_told(text, wrong) -> None:
    assert wrong in why_not_a_look(text)
    assert bool(wrong) == bool(why_not_a_look(text))


# the plan


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{sql: 'select :idd', with: {id: 1}, database: 'sqlite://'}",
            "1:7: ':idd' has no value in 'with' (did you mean 'id'?)",
        ),
        ("{sql: 'select :idd', with: {id: 1}, database: 'sqlite://'}", "1:29: the statement has no ':id' (did you"),
        ("{sql: 'select :id', database: 'sqlite://'}", "1:7: ':id' has no value in 'with' (give it: with: {id: …}"),
        ("{sql: 'select ${x}', database: 'sqlite://'}", "1:7: a statement takes no '${…}', which would let a value be"),
        ("{sql: 'select ${nope}', database: 'sqlite://'}", "(write :name in its place, and the value in 'with'"),
        ("{sql: 'delete from x', database: 'sqlite://'}", "1:7: expected a statement that looks, such as 'select …',"),
        ("{sql: 'select 1'}", "1:2: 'sql' needs a 'database' (give its URL, such as database: ${env.DATABASE_URL})"),
        ("{sql: 'select 1', database: shop.db}", "1:29: expected a database URL, found no '://'"),
        ("{sql: 'select 1', database: [a]}", "1:29: expected text, found a list"),
        ("{sql: 'select 1', database: }", "expected text, found null"),
        ("{sql: [a], database: 'sqlite://'}", "1:7: expected text, found a list"),
        ("{sql: 'select 1', database: 'sqlite://', row: []}", "1:42: unknown key 'row' (did you mean 'rows'?)"),
        ("{sql: 'select 1', database: 'sqlite://', with: [a]}", "1:48: expected a mapping, found a list"),
        ("{sql: 'select :a', database: 'sqlite://', with: {a: '${nope}'}}", "unknown variable 'nope'"),
        ("{sql: 'select 1', database: 'sqlite://', with: {'${x}': 1}}", "a parameter's name cannot hold '${…}'"),
        (
            "{sql: 'select 1', database: 'sqlite://', rows: 1}",
            "1:48: expected a pattern of the list of rows, found a number (for their number write {$length: 1})",
        ),
        ("{sql: 'select 1', database: 'sqlite://', rows: {a: 1}}", "found a mapping (begin each row with '- ')"),
        ("{sql: 'select 1', database: 'sqlite://', rows: null}", "found null"),
        ("{sql: 'select 1', database: 'sqlite://', rows: [{$nope: 1}]}", "unknown matcher '$nope'"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text, problem) -> None:
    c = compilation({"x"})
    assert compile_sql(read(text), c) is None
    assert any(problem in str(found) for found in c.problems.diagnostics), [*map(str, c.problems.diagnostics)]


def test_a_missing_sqlalchemy_is_told_with_its_command(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy.ext.asyncio", None)
    c = compilation()
    assert compile_sql(read("{sql: 'select 1', database: 'sqlite://'}"), c) is None
    (problem,) = c.problems.diagnostics
    assert str(problem) == "spec.yaml:1:2: 'sql' needs the package sqlalchemy (pip install 'asgi-probe[sql]')"


def test_a_literal_mark_of_a_variable_may_stand_in_a_statement() -> None:
    assert plan("{sql: \"select '$${x}'\", database: 'sqlite://'}").statement.texts == ("select '${x}'",)


# SQLite


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("more", "mismatches"),
    [
        ("", []),
        ("rows: [{sku: A-1, price: 0.5, sold: 1, raw: 00ff}]", []),
        ("rows: {$length: 1}", []),
        ("rows: '${y}'", []),
        ("rows: [{sku: A-2}]", ["sql $[0].sku expected 'A-2', got 'A-1'"]),
        (
            "rows: [{skuu: A-2}]",
            ["sql $[0].skuu is missing; there are: id, sku, price, sold, raw; did you mean 'sku'?"],
        ),
        ("rows: []", ["sql $ expected 0 items, got 1"]),
        ("rows: {$each: {sold: true}}", ["sql $[0].sold expected true, got 1 (an integer)"]),
    ],
)
async def test_rows_are_judged(shop, more, mismatches, anyio_backend) -> None:
    text = f"sql: select * from items where id = :id\nwith: {{id: '${{x}}'}}\ndatabase: {shop}\n{more}"
    assert await look(text, {"x": 1, "y": [{"id": 1}]}) == mismatches


@pytest.mark.anyio
@on_asyncio
async def test_without_rows_one_is_expected(shop, anyio_backend) -> None:
    text = f"sql: select * from items where id = 77\ndatabase: {shop}"
    assert await look(text) == ["sql $ expected at least one row, got none"]


@pytest.mark.anyio
@on_asyncio
async def test_a_mismatch_stands_at_its_pattern(shop, anyio_backend) -> None:
    databases = Databases()
    text = f"sql: select sku from items\ndatabase: {shop}\nrows:\n  - sku: A-1\n  - sku: C-3\n"
    (mismatch,) = await plan(text).run(databases, {})
    await databases.aclose()
    assert (mismatch.where, mismatch.path, mismatch.line, mismatch.column) == ("sql", "$[1].sku", 5, 10)
    assert (mismatch.expected, mismatch.actual) == ("C-3", "B-2")


@pytest.mark.anyio
@on_asyncio
async def test_what_is_looked_for_cannot_be_read_as_sql(shop, anyio_backend) -> None:
    text = f"sql: select * from items where sku = :sku\nwith: {{sku: '${{x}}'}}\ndatabase: {shop}\nrows: []"
    assert await look(text, {"x": "' or 1=1 --"}) == []


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from nope", "no such table: nope"),
        ("select 1 as a, 2 as a", "the statement gives two columns named 'a'; name them apart with 'as'"),
        ("pragma user_version = 7", "attempt to write a readonly database"),
        ("with x as (select 1) delete from items", "attempt to write a readonly database"),
        ("pragma query_only = on", "the statement gives no rows; 'sql' looks, it changes nothing"),
    ],
)
async def test_a_refused_statement_is_told_in_a_line(shop, sql, message, anyio_backend) -> None:
    said, line = await refused(f"\nsql: {sql}\ndatabase: {shop}")
    assert said == f"{message} ({shop})"
    assert line == 2


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///nowhere/no.db", "there is no file 'nowhere/no.db' (sqlite:///nowhere/no.db)"),
        (
            "sqlite:///file:nowhere.db?uri=true",
            "'file:nowhere.db' may make an empty database: say mode=ro behind the '?'",
        ),
        ("sqlite:///file:nowhere.db?mode=rwc&uri=true", "may make an empty database: say mode=ro behind the '?'"),
        ("sqlite:///file:nowhere.db?mode=ro&uri=true", "there is no file 'file:nowhere.db'"),
        ("oracle://u:secret@h/x", "no database is known as 'oracle'; there are: sqlite, postgresql, postgres, mysql,"),
        ("postgre://u:secret@h/x", "no database is known as 'postgre'; did you mean 'postgres'?"),
        ("${x}", "it is no database URL; expected one such as 'postgresql://user:password@host/name'"),
        ("mysql://h:port/x", "it is no database URL (mysql://h:port/x)"),
        ("postgres://u:s%40cret@127.0.0.1:1/x", "connection refused (postgres://u:***@127.0.0.1:1/x)"),
        (
            "mysql+pymysql://u:s%40cret@127.0.0.1:1/x",
            "Can't connect to MySQL server on '127.0.0.1' (mysql+pymysql://u:*",
        ),
        ("postgresql:///x?host=127.0.0.1&port=1&password=s3cret", "connection refused (postgresql:///x?host=127.0.0.1"),
        ("postgresql://u:p/w#d@127.0.0.1:1/x", "(postgresql://u:***@127.0.0.1:1/x)"),
    ],
)
async def test_a_database_that_is_not_there_is_told_without_its_password(url, message, anyio_backend) -> None:
    said, line = await refused(f"sql: select 1 as a\ndatabase: '{url}'", {"x": "s3cret"})
    assert message in said
    assert not any(word in said for word in ("secret", "s%40cret", "s@cret", "s3cret", "p/w"))
    assert line == 2


def test_all_forms_of_a_password_are_secrets() -> None:
    url = DatabaseUrl.read("postgres://u:a%40bcd@h/x?password=other")
    assert url.passwords == {"a%40bcd", "a@bcd", "other"}
    assert url.shown == "postgres://u:***@h/x?password=***"


@pytest.mark.anyio
@on_asyncio
async def test_passwords_are_known_even_if_nobody_answers(anyio_backend) -> None:
    databases = Databases()
    with pytest.raises(SqlError):
        await plan("sql: select 1\ndatabase: postgres://u:secret@127.0.0.1:1/x").run(databases, {})
    assert databases.passwords == {"secret"}
    await databases.aclose()


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("sqlite://", "aiosqlite", "sql"),
        ("mysql://h/x", "aiomysql", "mysql"),
        ("postgres://h/x", "asyncpg", "postgresql"),
        ("sqlite://", "greenlet", "sql"),
    ],
)
async def test_a_missing_driver_is_told_with_its_command(url, package, extra, monkeypatch, anyio_backend) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(databases_module, "find_spec", lambda name: None if name == package else found(name))
    said, _ = await refused(f"sql: select 1 as a\ndatabase: '{url}'")
    assert said == f"it needs the package {package}: pip install 'asgi-probe[{extra}]' ({url})"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_there_is_no_sql(shop, anyio_backend) -> None:
    said, line = await refused(f"sql: select 1 as a\ndatabase: {shop}")
    assert said == f"'sql' works on asyncio only; run with --backend asyncio ({shop})"
    assert line == 2


ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n)"


@pytest.mark.anyio
@on_asyncio
async def test_too_many_rows_are_an_error(anyio_backend) -> None:
    said, _ = await refused(f"sql: {ENDLESS} select i from n\ndatabase: 'sqlite://'")
    assert said == "the statement gives more than 10,000 rows; count or limit them in it (sqlite://)"


@pytest.mark.anyio
@on_asyncio
async def test_too_much_text_is_an_error(anyio_backend) -> None:
    sql = f"{ENDLESS} select printf('%1000000s', '') as t from n"
    said, _ = await refused(f'sql: "{sql}"\ndatabase: "sqlite://"')
    assert said == "the rows hold more than 10 MiB of text; select less (sqlite://)"


@pytest.mark.anyio
@on_asyncio
async def test_a_statement_that_does_not_end_is_interrupted(shop, anyio_backend) -> None:
    databases = Databases(longest=0.3)
    with pytest.raises(SqlError, match=r"the database did not answer within 0\.3 s"):
        await plan(f"sql: {ENDLESS} select count(*) from n\ndatabase: {shop}").run(databases, {})
    assert await databases.rows(shop, read_statement("select 1 as a"), {}) == [{"a": 1}]
    started = perf_counter()
    await databases.aclose()
    assert perf_counter() - started < 2


@pytest.mark.anyio
@on_asyncio
async def test_the_step_s_timeout_ends_it_too(shop, anyio_backend) -> None:
    databases = Databases()
    with anyio.move_on_after(0.3) as bound:
        await plan(f"sql: {ENDLESS} select count(*) from n\ndatabase: {shop}").run(databases, {})
    assert bound.cancelled_caught
    await databases.aclose()


@pytest.mark.anyio
@on_asyncio
async def test_many_look_at_once(shop, anyio_backend) -> None:
    databases, rows = Databases(), []

    async def one() -> None:
        rows.extend(await databases.rows(shop, read_statement("select sku from items where id = 1"), {}))

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(one)
    await databases.aclose()
    assert rows == [{"sku": "A-1"}] * 40


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        (True, True),
        (Decimal("1.10"), Decimal("1.10")),
        (Decimal("NaN"), "NaN"),
        (float("-inf"), "-Infinity"),
        (datetime(2024, 2, 29, 12, 0, 0, 500, timezone(timedelta(hours=1))), "2024-02-29T12:00:00.000500+01:00"),
        (date(2024, 2, 29), "2024-02-29"),
        (time(9, 30), "09:30:00"),
        (timedelta(days=1, hours=2), "P1DT2H"),
        (timedelta(seconds=-90), "-PT1M30S"),
        (timedelta(milliseconds=1500), "PT1.5S"),
        (timedelta(days=2), "P2D"),
        (timedelta(), "PT0S"),
        (b"\x00\xff", "00ff"),
        (memoryview(b"\x01"), "01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([b"\x01", [None]], ["01", [None]]),
        ({"b", "a"}, ["a", "b"]),
        ({"a": date(2024, 1, 1)}, {"a": "2024-01-01"}),
        (ip_address("127.0.0.1"), "127.0.0.1"),
    ],
)
def test_columns_become_json_data(value, data) -> None:
    assert as_json(value) == data
    assert type(as_json(value)) is type(data)


# what drivers say


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (OSError("all of them failed"), "all of them failed"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
        (ValueError(), "ValueError"),
        (RuntimeError("one\n\n  HINT:  two\x1b[0m"), "one; HINT:  two\\x1b[0m"),
        (SimpleNamespace(orig=RuntimeError(1045, "Access denied")), "Access denied"),
        (RuntimeError("<class 'asyncpg.exceptions.SyntaxError'>: near x"), "near x"),
        (RuntimeError("full (Background on this error at: https://sqlalche.me/e/20/3o7r)"), "full"),
        (RuntimeError("x" * 1000), "x" * 500),
    ],
)
def test_a_driver_s_error_is_one_line(error, said) -> None:
    assert databases_module._said(error) == said


# PostgreSQL


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("column", "data"),
    [
        ("1.10::numeric", Decimal("1.10")),
        ("'NaN'::float8", "NaN"),
        ("true", True),
        ("null", None),
        ("'2024-02-29'::date", "2024-02-29"),
        ("'2024-02-29 12:00:00.5'::timestamp", "2024-02-29T12:00:00.5"),
        ("'2024-02-29 12:00:00+00'::timestamptz", "2024-02-29T12:00:00+00:00"),
        ("'12:30:00+02'::timetz", "12:30:00+02:00"),
        ("'infinity'::timestamp", "infinity"),
        ("'1 day 2 hours'::interval", "P1DT2H"),
        ("'00000000-0000-0000-0000-000000000001'::uuid", "00000000-0000-0000-0000-000000000001"),
        ("'\\x00ff'::bytea", "00ff"),
        ("'{\"a\": [1.10000000000000000001]}'::jsonb", {"a": [Decimal("1.10000000000000000001")]}),
        ("'[true]'::json", [True]),
        ("array[1, 2]", [1, 2]),
        ("row(1, 'x')", [1, "x"]),
        ("(select s from pg_settings s where name = 'port' limit 1)", dict),
        ("'a'::\"char\"::text", "a"),
    ],
)
async def test_postgresql_s_types(postgresql, column, data, anyio_backend) -> None:
    databases = Databases()
    ((value,),) = [row.values() for row in await databases.rows(postgresql.url, read_statement(f"select {column}"), {})]
    await databases.aclose()
    assert isinstance(value, dict) if data is dict else (value, type(value)) == (data, type(data))


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("condition", "value"),
    [
        (":v::date = '2024-02-29'", "2024-02-29"),
        ("'2024-02-29 12:00Z'::timestamptz = :v", "2024-02-29T12:00:00Z"),
        ("0.35::numeric = :v", 0.35),
        ("0.35::float8 = :v", 0.35),
        ("gen_random_uuid() <> :v", "00000000-0000-0000-0000-000000000001"),
        ("'{\"a\": 1}'::jsonb = :v", {"a": 1}),
        ("5 = any(:v)", [4, 5]),
        ("5 in :v", [4, 5]),
        ("'50%' like '5%' and :v::text is null", None),
    ],
)
async def test_postgresql_takes_what_a_spec_can_say(postgresql, condition, value, anyio_backend) -> None:
    databases = Databases()
    statement = read_statement(f"select 1 as a where {condition}")
    assert await databases.rows(postgresql.url, statement, {"v": value}) == [{"a": 1}]
    await databases.aclose()


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from nope", 'relation "nope" does not exist'),
        ("selec 1", 'syntax error at or near "selec"'),
        ("create table x (a int)", "cannot execute CREATE TABLE in a read-only transaction"),
        ("select nextval('x')", 'relation "x" does not exist'),
        ("select 1 as a; select 2 as b", "cannot insert multiple commands into a prepared statement"),
        ("select generate_series(1, 20000) as a", "the statement gives more than 10,000 rows"),
    ],
)
async def test_postgresql_s_refusals(postgresql, sql, message, anyio_backend) -> None:
    databases = Databases()
    with pytest.raises(databases_module.Refused) as caught:
        await databases.rows(postgresql.url, read_statement(sql), {})
    await databases.aclose()
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(f"(postgresql://shop:***@127.0.0.1:{postgresql.port}/postgres)")


@pytest.mark.anyio
@on_asyncio
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p%40ss", "no%40ss", 'password authentication failed for user "shop"'),
        ("/postgres", "/nope", 'database "nope" does not exist'),
        ("/postgres", "/postgres?sslmode=require", "rejected SSL upgrade"),
    ],
)
async def test_postgresql_lets_nobody_in(postgresql, old, new, message, anyio_backend) -> None:
    url = postgresql.url.replace(old, new)
    said, _ = await refused(f"sql: select 1 as a\ndatabase: {url}")
    assert message in said
    assert "ss:w/rd" not in said
    assert "ss%3Aw" not in said


@pytest.mark.anyio
@on_asyncio
async def test_postgresql_over_its_unix_socket(postgresql, anyio_backend) -> None:
    credentials = postgresql.url.partition("@127")[0]
    url = f"{credentials}@/postgres?host={postgresql.folder}&port={postgresql.port}"
    text = f"sql: select inet_server_addr() as a\ndatabase: {url}\nrows: [{{a: null}}]"
    assert await look(text) == []


@pytest.mark.anyio
@on_asyncio
async def test_postgresql_s_own_timeout_counts(postgresql, anyio_backend) -> None:
    url = f"{postgresql.url}?statement_timeout=100"
    said, _ = await refused(f"sql: select pg_sleep(20)::text as a\ndatabase: {url}")
    assert said.startswith("canceling statement due to statement timeout (")


@pytest.mark.anyio
@on_asyncio
async def test_postgresql_stops_what_nobody_waits_for(postgresql, anyio_backend) -> None:
    databases = Databases(longest=0.3)
    with pytest.raises(SqlError, match="did not answer within"):
        await plan(f"sql: select pg_sleep(77)::text as a\ndatabase: {postgresql.url}").run(databases, {})
    databases.longest = 10
    running = read_statement(
        "select 1 as a from pg_stat_activity where query like '%sleep(77)%' and state = 'active'"
        " and pid <> pg_backend_pid()"
    )
    with anyio.fail_after(8):
        while await databases.rows(postgresql.url, running, {}):
            await anyio.sleep(0.1)
    await databases.aclose()


@pytest.mark.anyio
@on_asyncio
async def test_closing_is_bounded(monkeypatch, anyio_backend) -> None:
    class Stuck:
        async def dispose(self) -> None:
            await anyio.sleep_forever()

    monkeypatch.setattr(databases_module, "_CLOSING", 0.1)
    databases = Databases(_engines={"a": Stuck(), "b": Stuck()})
    with anyio.fail_after(5):
        await databases.aclose()
    await databases.aclose()


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, asgi_probe.engine.sql; sys.exit('sqlalchemy' in sys.modules or 'asyncpg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_text_is_a_url() -> None:
    with pytest.raises(NoDatabase, match="it is no database URL"):
        DatabaseUrl.read(5)
