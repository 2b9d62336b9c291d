"""All that a user sees, through the real command line: a folder a case, in `tests/golden`.

Each holds the files of a small project (but for `app.py` where it is the usual one), `args` (what follows
`asgi-probe`), `stdout`, `stderr` where there is any, and `exit`. `UPDATE_GOLDEN=1` writes them anew: read the
difference before you commit it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/args"))

_TIMES = re.compile(r"\b(?:\d+ h )?(?:\d+ min )?\d+(?:\.\d+)? (?:ms|s)\b")
_RATE = re.compile(r"\b[\d,]+(?:\.\d+)? a second\b")
_VERSION = re.compile(r"\basgi-probe \d+\.\d+\.\d+\S*|asgi-probe/\d+\.\d+\.\d+\S*")
_BLANKS = re.compile(r" {2,}(?=TIME\b|skipped\b)")
_BARS = re.compile(r"^ +≤ TIME .*\n", re.MULTILINE)
_SLOWEST = re.compile(r"\nslowest\n(?:  .*\n)+")


def stable(text: str, folder: Path) -> str:
    """The text without what differs from run to run: times, the version, the folder, what was slow."""
    text = text.replace(str(folder), "FOLDER")
    text = _VERSION.sub(lambda found: found[0][:11] + "VERSION", text)
    text = _RATE.sub("RATE", _TIMES.sub("TIME", text))
    return _SLOWEST.sub("", _BARS.sub("", _BLANKS.sub("  ", text)))


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(GOLDEN / "app.py", folder)
    ignored = shutil.ignore_patterns("stdout", "stderr", "exit", "args")
    shutil.copytree(GOLDEN / case, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / "pyproject.toml").touch()
    args = shlex.split((GOLDEN / case / "args").read_text(encoding="utf-8"))
    kept_out = ("ASGI_PROBE_", "GITHUB_ACTIONS", "TF_BUILD")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
    ran = subprocess.run(
        [sys.executable, "-m", "asgi_probe", *args],
        cwd=folder,
        env=environment | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = {
        "stdout": stable(ran.stdout.decode(), folder),
        "stderr": stable(ran.stderr.decode(), folder),
        "exit": f"{ran.returncode}\n",
    }
    if os.environ.get("UPDATE_GOLDEN"):
        for name, text in said.items():
            path = GOLDEN / case / name
            path.write_text(text, encoding="utf-8") if text else path.unlink(missing_ok=True)
    for name, text in said.items():
        path = GOLDEN / case / name
        assert text == (path.read_text(encoding="utf-8") if path.exists() else ""), name


def test_there_are_cases() -> None:
    assert len(CASES) > 10
