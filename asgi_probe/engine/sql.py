"""`sql` in `verify`: what stands in a database, judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.databases import NoDatabase, Refused
from asgi_probe.engine.statement import BadParameter, Statement, read_statement, why_not_a_look
from asgi_probe.errors import ProbeError
from asgi_probe.judge.compiler import Patterns, is_matcher
from asgi_probe.judge.findings import Findings
from asgi_probe.spec.exact_json import with_room
from asgi_probe.spec.shapes import ANY, SECTION, TEXT, check_keys
from asgi_probe.spec.source import Mapping, Scalar, did_you_mean, is_null, kind_of

if TYPE_CHECKING:
    from asgi_probe.engine.databases import Databases, Row
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value

SQL = {"sql": TEXT, "with": SECTION, "database": TEXT, "rows": ANY}
"""The keys beside `sql`."""

Values = tuple[tuple[str, "Value"], ...]


class SqlError(ProbeError):
    """A database that could not be asked, at the node of the spec that is to blame; never with a password."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SqlPlan:
    """A statement, and what its rows must be: at least one where nothing is said."""

    node: Node
    statement: Statement
    values: Values
    database: Value
    rows: Pattern | None

    async def run(self, databases: Databases, scope: dict[str, Any]) -> list[Mismatch]:
        """All mismatches, none when the rows are as expected; raises SqlError, VariableError and Unjudgeable.

        The passwords of its URL are in `databases.passwords` after it, however it ends.
        """
        values = {name: value.render(scope) for name, value in self.values}
        url = self.database.render(scope)
        try:
            rows = await databases.rows(url, self.statement, values)
        except NoDatabase as error:
            raise SqlError(str(error), self.database.node) from None
        except (Refused, BadParameter) as error:
            raise SqlError(str(error), self.node) from None
        return with_room(partial(self._judge, rows, scope))

    def _judge(self, rows: list[Row], scope: dict[str, Any]) -> list[Mismatch]:
        findings = Findings("sql", scope, in_body=True)
        if self.rows is None and not rows:
            findings.add(self.node, (), "expected at least one row, got none", "at least one row", rows)
        elif self.rows is not None and not self.rows.holds(rows, scope):
            self.rows.explain(rows, (), findings)
        return findings.finish()


def compile_sql(node: Mapping, compilation: Compilation) -> SqlPlan | None:
    """The plan of a mapping with the key `sql`; all that is wrong with it is reported, and then there is none."""
    problems = compilation.problems
    before = len(problems.errors)
    entries = node.entries
    check_keys(entries, SQL, problems)
    _need_sqlalchemy(entries["sql"], compilation)
    statement = _statement(entries["sql"].value, compilation)
    values = _values(entries.get("with"), compilation)
    if statement is not None:
        _compare(statement, values, node, compilation)
    database = _database(node, compilation)
    rows = _rows(entries["rows"].value, compilation) if "rows" in entries else None
    if statement is None or database is None or len(problems.errors) > before:
        return None
    return SqlPlan(entries["sql"].value, statement, values, database, rows)


def _need_sqlalchemy(entry: Entry, c: Compilation) -> None:
    try:
        # now, since it takes long enough to keep every check waiting that runs meanwhile
        import sqlalchemy.ext.asyncio  # noqa: F401
    except ImportError:
        c.problems.add(entry, "'sql' needs the package sqlalchemy", "pip install 'asgi-probe[sql]'")


def _statement(node: Node, c: Compilation) -> Statement | None:
    if not isinstance(node, Scalar) or is_null(node):
        return None  # told by its shape
    if c.is_dynamic(node):
        c.problems.add(
            node, "a statement takes no '${…}', which would let a value be read as SQL",
            "write :name in its place, and the value in 'with': {name: '${…}'}",
        )  # fmt: skip
        return None
    text = str(c.text(node).render({}))
    if wrong := why_not_a_look(text):
        c.problems.add(node, wrong, "a fixture or a hook can change the database")
    return read_statement(text)


def _values(entry: Entry | None, c: Compilation) -> Values:
    if entry is None or not isinstance(entry.value, Mapping):
        return ()
    for key, item in entry.value.entries.items():
        if "${" in key:
            c.problems.add(item, f"a parameter's name cannot hold '${{…}}', found {key!r}")
    return tuple([(key, c.value(item.value)) for key, item in entry.value.entries.items()])


def _compare(statement: Statement, values: Values, node: Mapping, c: Compilation) -> None:
    """Each `:name` has a value, and each value a `:name`."""
    given = [name for name, _ in values]
    for name in dict.fromkeys(statement.names):
        if name not in given:
            near = did_you_mean(name, given)
            hint = near or f"give it: with: {{{name}: …}}; a colon that begins no parameter is written '\\:'"
            c.problems.add(node.entries["sql"].value, f"':{name}' has no value in 'with'", hint)
    for name in given:
        if name not in statement.names and "${" not in name:
            section = node.entries["with"].value
            at = section.entries[name] if isinstance(section, Mapping) else section
            c.problems.add(at, f"the statement has no ':{name}'", did_you_mean(name, statement.names))


def _database(node: Mapping, c: Compilation) -> Value | None:
    if "database" not in node.entries:
        c.problems.add(
            node.entries["sql"], "'sql' needs a 'database'", "give its URL, such as database: ${env.DATABASE_URL}"
        )
        return None
    place = node.entries["database"].value
    if not isinstance(place, Scalar) or is_null(place):
        return None  # told by its shape
    value = c.value(place)
    if value.constant and "://" not in place.text:
        hint = "such as 'postgresql://user:password@host/name' or 'sqlite:///shop.db'"
        c.problems.add(place, "expected a database URL, found no '://'", hint)
    return value


def _rows(node: Node, c: Compilation) -> Pattern:
    """A pattern of the list of rows; what no list can be is told now."""
    plain_keys = isinstance(node, Mapping) and not any(is_matcher(key) for key in node.entries)
    if plain_keys or (isinstance(node, Scalar) and not c.is_dynamic(node)):
        hint = "begin each row with '- '" if plain_keys else "for their number write {$length: 1}"
        c.problems.add(node, f"expected a pattern of the list of rows, found {kind_of(node)}", hint)
    return Patterns(c).pattern(node)
