"""The README and the reference, taken apart: their blocks, their tables, and the project of the README's tour."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "specs" / "README.md"
BLOCK = re.compile(r"(?:^<!-- (?P<mark>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(document: Path, language: str) -> list[tuple[str, str]]:
    """The marks and texts of a document's blocks in a language."""
    return [
        (found["mark"] or "", found["text"])
        for found in BLOCK.finditer(read(document))
        if found["language"] == language
    ]


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command that was run in a folder, where this checkout is what is installed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASGI_PROBE_", "SHOP_", "DEMO_", "PYTEST_"))
    }
    ours = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | ours | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def probe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ran(folder, sys.executable, "-m", "asgi_probe", *arguments)


def real(text: str, base_url: str) -> str:
    """An example whose app is the demo, and whose live services are what answers at the base URL."""
    text = text.replace("shop.main", "asgi_probe.demo")
    return re.sub(r"https://(staging\.)?example\.com|http://127\.0\.0\.1:8000", base_url, text)


def tour(folder: Path, base_url: str) -> None:
    """Write the README's project into a folder: its app is the demo, its staging what answers at the base URL."""
    files = [(found["mark"], found["text"]) for found in BLOCK.finditer(read(README))]
    written = set()
    for mark, text in files:
        if mark and mark.startswith("file "):
            path = folder / mark.removeprefix("file ")
            written.add(path.relative_to(folder).as_posix())
            path.parent.mkdir(exist_ok=True)
            path.write_text(real(text, base_url), encoding="utf-8")
    assert written == {
        *("pyproject.toml", "specs/session.yaml", "specs/shop.yaml", "specs/prices.csv", "specs/probes.py"),
        "tests/test_shop.py",
    }


@contextmanager
def served() -> Iterator[str]:
    """The base URL of the demo app, served by uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "asgi_probe.demo:app", "--fd", str(listening.fileno())],
            cwd=ROOT,
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)


def section(title: str, document: Path = REFERENCE) -> str:
    """The text below a heading, up to the next."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", read(document), re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text, each a list of rows, the heading among them."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table.splitlines()]
        yield [rows[0], *rows[2:]]


def table(heading: str, document: Path = REFERENCE) -> list[list[str]]:
    """The rows of the table whose first column has that heading."""
    ((_, *rows),) = [rows for rows in tables(read(document)) if rows[0][0] == heading]
    return rows


def named(rows: list[list[str]]) -> list[str]:
    """What stands in code in the first column, without arguments."""
    return [re.sub(r"\(.*\)$", "", name) for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
