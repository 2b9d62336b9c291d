"""The runs that were, in SQLite: a file of its own, or memory; bounded, and one process's alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import UsageError
from asgi_probe.serving.records import CheckRecord, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP = 1_000
"""Runs that are kept where nobody says how many."""
MOST_RESULTS = 200_000
"""Checks that are kept of all runs together; of older runs there are only counts."""
VERSION = 1
_OURS = 0x41505242
"""What SQLite's `application_id` says of our files: `APRB`."""
_SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL,
    duration REAL NOT NULL,
    exit_code INTEGER NOT NULL,
    hung INTEGER NOT NULL,
    blind INTEGER NOT NULL,
    results INTEGER NOT NULL,
    more TEXT NOT NULL
) STRICT;
CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    name_id TEXT NOT NULL,
    name TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    phase TEXT NOT NULL,
    UNIQUE (target, name_id)
) STRICT;
CREATE TABLE results (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    check_id INTEGER NOT NULL REFERENCES checks (id),
    outcome TEXT NOT NULL,
    duration REAL NOT NULL,
    reason TEXT,
    PRIMARY KEY (run, check_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX results_of_a_check ON results (check_id);
CREATE INDEX blind_runs ON runs (id) WHERE blind;
"""
_MORE = ("outcomes", "targets", "requests", "times", "thresholds", "problem")
_UP = "('passed', 'flaky', 'xfailed')"
_UNKNOWN = "('skipped', 'interrupted')"


@dataclass(frozen=True, slots=True)
class Availability:
    """How a check did in the runs that are kept: `share` of `runs` in which it was asked, None if it never was.

    A run that could not ask its target at all counts as one in which the check was down.
    """

    id: str
    target: str
    name: str
    file: str
    line: int
    runs: int
    share: float | None
    outcome: str
    duration: float


class History:
    """The last runs. Every method may be called from any thread; one that cannot read or write raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, keep: int, *, most: int = MOST_RESULTS) -> None:
        self._connection = connection
        self._keep = keep
        self._most = most
        self._lock = Lock()
        self._availability: tuple[Availability, ...] | None = None

    def add(self, run: RunRecord) -> RunRecord:
        """Keep a run, forget those that are too many; the run with its id."""
        with self._lock, self._connection as db:
            added = db.execute(
                "INSERT INTO runs (started_at, duration, exit_code, hung, blind, results, more)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run.started_at, run.duration, run.exit_code, run.hung, run.blind, len(run.checks), _more(run)),
            )
            number = added.lastrowid or 0
            db.executemany(
                "INSERT INTO checks (target, name_id, name, file, line, phase) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET name = excluded.name, file = excluded.file, line = excluded.line"
                " WHERE line != excluded.line",
                [(each.target, each.id, each.name, each.file, each.line, each.phase) for each in run.checks],
            )
            db.executemany(
                "INSERT OR REPLACE INTO results (run, check_id, outcome, duration, reason)"
                " SELECT ?, id, ?, ?, ? FROM checks WHERE target = ? AND name_id = ?",
                [(number, each.outcome, each.duration, each.reason, each.target, each.id) for each in run.checks],
            )
            self._forget(db)
            self._availability = None
        return replace(run, id=number)

    def runs(self, limit: int, before: int | None = None) -> list[RunRecord]:
        """The last runs, newest first, without their checks; those before a run's id."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT * FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?",
                (before if before is not None else 2**62, limit),
            ).fetchall()
        return [_run(row) for row in rows]

    def run(self, number: int) -> RunRecord | None:
        """A run with its checks, as far as they are kept."""
        with self._lock:
            row = self._connection.execute("SELECT * FROM runs WHERE id = ?", (number,)).fetchone()
            checks = self._connection.execute(
                "SELECT name_id, target, name, file, line, phase, outcome, duration, reason"
                " FROM results JOIN checks ON checks.id = check_id WHERE run = ? ORDER BY check_id",
                (number,),
            ).fetchall()
        return None if row is None else replace(_run(row), checks=tuple(CheckRecord(*check) for check in checks))

    def latest(self) -> RunRecord | None:
        """The last run, with its checks."""
        last = self.runs(1)
        return self.run(last[0].id) if last else None

    def availability(self) -> tuple[Availability, ...]:
        """How each check did in the runs that are kept, in the order in which they were first seen."""
        with self._lock:
            if self._availability is None:
                rows = self._connection.execute(
                    f"SELECT name_id, target, name, file, line,"  # noqa: S608 - our own words
                    f" SUM(outcome NOT IN {_UNKNOWN})"
                    " + (SELECT COUNT(*) FROM runs WHERE blind AND runs.id > MIN(results.run)),"
                    f" SUM(outcome IN {_UP}), MAX(run), outcome, results.duration"
                    # SQLite takes what stands beside MAX from that row
                    " FROM results JOIN checks ON checks.id = check_id WHERE phase = 'steps' GROUP BY check_id"
                ).fetchall()
                self._availability = tuple(_availability(*row) for row in rows)
            return self._availability

    def close(self) -> None:
        """Nothing more will come."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _forget(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM runs WHERE id <= (SELECT MAX(id) FROM runs) - ?", (self._keep,))
        kept, oldest = 0, 0
        for number, results in db.execute("SELECT id, results FROM runs WHERE results ORDER BY id DESC"):
            kept += results
            # of the last run all is kept, however much it is
            if kept > self._most and oldest:
                break
            oldest = number
        db.execute("DELETE FROM results WHERE run < ?", (oldest,))
        db.execute("UPDATE runs SET results = 0 WHERE id < ? AND results", (oldest,))
        db.execute("DELETE FROM checks WHERE NOT EXISTS (SELECT 1 FROM results WHERE check_id = checks.id)")


def open_history(name: str | None, *, keep: int = KEEP, most: int = MOST_RESULTS) -> History:
    """The history in that file, made where there is none, or in memory; a UsageError says why it cannot be used."""
    if name is None:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        _made(connection)
        return History(connection, keep, most=most)
    path = Path(name)
    with _told(name):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=0.5, check_same_thread=False)
        try:
            _opened(connection, name)
        except BaseException:
            connection.close()
            raise
    return History(connection, keep, most=most)


def _opened(connection: sqlite3.Connection, name: str) -> None:
    # one process has the file to itself, as long as it lives
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    ours = connection.execute("PRAGMA application_id").fetchone()[0]
    there = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if ours != _OURS and (ours or there):
        raise UsageError(f"the history {name!r} is a database of something else; name another file")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")
    if not there:
        _made(connection)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise UsageError(
            f"the history {name!r} has the version {version}, this asgi-probe reads {VERSION}; name another file"
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise UsageError(f"the history {name!r} is damaged ({found}); move it away, a new one will be made")
    connection.execute("PRAGMA foreign_keys = ON")


def _made(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN; {_SCHEMA} PRAGMA application_id = {_OURS}; PRAGMA user_version = {VERSION}; COMMIT;"
        " PRAGMA foreign_keys = ON;"
    )


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise UsageError(
                f"the history {name!r} is in use by another process; each `asgi-probe serve` needs a file of its own"
            ) from None
        raise UsageError(f"the history {name!r} cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise UsageError(
            f"the history {name!r} is no SQLite database, or damaged ({error}); name another file, or move it away"
        ) from None
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"the history {name!r} cannot be used: {why}") from None


def _more(run: RunRecord) -> str:
    return json.dumps({name: getattr(run, name) for name in _MORE})


def _run(row: tuple[Any, ...]) -> RunRecord:
    number, started_at, duration, exit_code, hung, _blind, _results, more = row
    known = {each.name for each in fields(RunRecord)}
    said = {name: value for name, value in json.loads(more).items() if name in known}
    said["targets"] = tuple(said.get("targets") or ())
    return RunRecord(started_at, duration, exit_code, id=number, hung=bool(hung), **said)


def _availability(
    id_: str,
    target: str,
    name: str,
    file: str,
    line: int,
    runs: int,
    up: int,
    _last: int,
    outcome: str,
    duration: float,
) -> Availability:
    return Availability(id_, target, name, file, line, runs, up / runs if runs else None, outcome, duration)
