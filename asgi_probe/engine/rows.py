"""`each`, `matrix` and `repeat`: one check becomes several, each with variables of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.files import FileError, read_text
from asgi_probe.spec.source import Mapping, Scalar, Sequence, data
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.variables import check_name, naming_fault
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value

MOST_ROWS = 100_000
"""How many checks one may become."""
_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Row:
    """The variables of one check; `late` are those that need what setup saves. `label` tells it from its siblings."""

    values: dict[str, Any] = field(default_factory=dict)
    late: dict[str, Value] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def label(self, mask: Callable[[str], str] = str) -> str:
        """`sku=A-1,qty=2`, masked and cut, or what the row itself calls `name`."""
        if "name" in self.written:
            text = self.written["name"]
        else:
            text = ",".join([f"{name}={value}" for name, value in self.written.items()])
        text = " ".join(mask(text).split())
        return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"

    def joined(self, other: Row) -> Row:
        """Both rows' variables."""
        return Row(self.values | other.values, self.late | other.late, self.written | other.written)


@dataclass(frozen=True, slots=True)
class Rows:
    """What `each` and `matrix` say; `empty` is the file that had no rows, `names` are all variables of all rows."""

    rows: tuple[Row, ...] = (Row(),)
    names: frozenset[str] = frozenset()
    empty: str | None = None


def read_rows(fields: dict[str, Entry], compilation: Compilation, scope: dict[str, Any]) -> Rows:
    """The rows of a check, worked out as far as `scope` allows; problems are reported where they stand."""
    each = _each(fields["each"].value, compilation, scope) if "each" in fields else Rows()
    matrix = _matrix(fields["matrix"].value, compilation, scope) if "matrix" in fields else Rows()
    for name in sorted(each.names & matrix.names):
        compilation.problems.add(fields["matrix"], f"{name!r} stands in 'each' and in 'matrix'", "choose another name")
    if len(each.rows) * len(matrix.rows) > MOST_ROWS:
        compilation.problems.add(fields["matrix"], f"more than {MOST_ROWS:,} rows in all")
        return Rows()
    rows = tuple([one.joined(other) for one in each.rows for other in matrix.rows])
    return Rows(rows, each.names | matrix.names, each.empty)


def _each(node: Node, c: Compilation, scope: dict[str, Any]) -> Rows:
    match node:
        case Sequence(items=items):
            found = [_row(item.entries, c, scope) for item in items if isinstance(item, Mapping)]
            return Rows(tuple(found), _names(found))
        case Mapping(entries={"file": entry}) if isinstance(entry.value, Scalar):
            return _from_file(entry.value, c)
    return Rows()


def _names(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(name for row in rows for name in row.written)


def _row(entries: dict[str, Entry], c: Compilation, scope: dict[str, Any]) -> Row:
    row = Row()
    for name, entry in entries.items():
        if check_name(entry, c.problems):
            _take(row, name, entry.value, c, scope)
    return row


def _take(row: Row, name: str, node: Node, c: Compilation, scope: dict[str, Any]) -> None:
    """One variable of a row: its value where that is known before the run."""
    used: set[str] = set()
    value = replace(c, used=used).value(node)
    c.used.update(used)
    row.written[name] = _written(data(node))
    if not value.constant and not _known_by(used, scope):
        row.late[name] = value
        return
    try:
        row.values[name] = value.render(scope)
    except VariableError as error:
        c.problems.add(error.node, str(error))
    else:
        row.written[name] = _written(row.values[name])


def _known_by(used: AbstractSet[str], scope: dict[str, Any]) -> bool:
    return all(name in scope for name in used)


def _written(value: Any) -> str:
    try:
        return as_text(value)
    except (TypeError, ValueError):
        return str(value)


def _matrix(node: Node, c: Compilation, scope: dict[str, Any]) -> Rows:
    if not isinstance(node, Mapping):
        return Rows()
    axes: list[list[Row]] = []
    total = 1
    for name, entry in node.entries.items():
        if not check_name(entry, c.problems) or not isinstance(entry.value, Sequence):
            continue
        total *= len(entry.value.items)
        if total > MOST_ROWS:
            c.problems.add(node, f"more than {MOST_ROWS:,} combinations")
            return Rows()
        axes.append([_single(name, item, c, scope) for item in entry.value.items])
    rows = [_all_joined(parts) for parts in product(*axes)]
    return Rows(tuple(rows), _names(rows))


def _single(name: str, node: Node, c: Compilation, scope: dict[str, Any]) -> Row:
    row = Row()
    _take(row, name, node, c, scope)
    return row


def _all_joined(rows: Iterable[Row]) -> Row:
    whole = Row()
    for row in rows:
        whole = whole.joined(row)
    return whole


class _NoRows(Exception):  # noqa: N818 - becomes a problem at the file's name
    """Why a file has no rows to give."""


def _from_file(node: Scalar, c: Compilation) -> Rows:
    if not isinstance(node.value, str):
        return Rows()
    try:
        content = read_text(node.value, folder=c.folder, root=c.root)
        found = [_plain(number, row) for number, row in enumerate(_read(node.value, content, c), 1)]
    except (FileError, _NoRows) as error:
        c.problems.add(node, str(error))
        return Rows()
    if len(found) > MOST_ROWS:
        c.problems.add(node, f"{node.value!r} has more than {MOST_ROWS:,} rows")
        return Rows()
    if not found:
        return Rows((Row(),), _header(content), f"{node.value} has no rows")
    return Rows(tuple(found), _names(found))


def _header(content: str) -> frozenset[str]:
    """The names that the header of an empty CSV file gives."""
    return frozenset(name.strip() for name in content.partition("\n")[0].split(",") if name.strip().isidentifier())


def _plain(number: int, row: Any) -> Row:
    if not isinstance(row, dict):
        raise _NoRows(f"row {number} is no mapping from names to values")
    for name in row:
        if fault := naming_fault(str(name)):
            raise _NoRows(f"row {number}: {fault}")
    return Row(row, {}, {name: _written(value) for name, value in row.items()})


def _read(name: str, content: str, c: Compilation) -> Iterator[Any]:
    ending = name.rpartition(".")[2].lower()
    match ending:
        case "csv":
            return _csv(name, content)
        case "json":
            return _json(name, content)
        case "yaml" | "yml":
            return _yaml(name, content, c)
    raise _NoRows(f"the rows of {name!r} cannot be read: expected a file that ends in .csv, .json or .yaml")


def _csv(name: str, content: str) -> Iterator[Any]:
    import csv
    from io import StringIO

    reader = csv.reader(StringIO(content, newline=""), strict=True)
    try:
        header = [field.strip() for field in next(reader, [])]
        if len(set(header)) < len(header):
            raise _NoRows(f"the header of {name!r} names a column twice")
        for row in reader:
            if row and len(row) != len(header):
                columns = f"{len(header)} column{'s' * (len(header) != 1)}"
                raise _NoRows(f"{name}:{reader.line_num}: expected {columns} as in the header, found {len(row)}")
            if row:
                yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise _NoRows(f"{name}:{reader.line_num}: this is no CSV: {error}") from None


def _json(name: str, content: str) -> Iterator[Any]:
    from asgi_probe.spec.exact_json import NotJson, read_json

    if not content.strip():
        return iter(())
    try:
        return _list(name, read_json(content, repr(name)))
    except NotJson as error:
        raise _NoRows(str(error)) from None


def _yaml(name: str, content: str, c: Compilation) -> Iterator[Any]:
    from asgi_probe.spec.source import Problems, Source
    from asgi_probe.spec.yaml import compose

    if not content.strip():
        return iter(())
    problems = Problems()
    node = compose(Source(c.folder / name, name, content), problems)
    if node is None or problems.errors:
        raise _NoRows(str(problems.errors[0]) if problems.errors else f"{name!r} is empty")
    return _list(name, data(node))


def _list(name: str, found: Any) -> Iterator[Any]:
    if not isinstance(found, list):
        raise _NoRows(f"{name!r} holds no list of rows")
    return iter(found)
