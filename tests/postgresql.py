"""A PostgreSQL server of the tests' own, where its programs are installed."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "shop", "p@ss:w/rd"
QUOTED = "p%40ss%3Aw%2Frd"


@dataclass(frozen=True)
class Server:
    """Where it listens: on loopback with a password, and on a Unix socket in `folder`."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{self.port}/postgres"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A running server; the test is skipped where there is none to start."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    # not below pytest's folders, which only their owner may enter
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        yield from serve(programs, folder, account_for(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path | None:
    """The folder of `initdb`: of the newest version installed, of `pg_config`, on the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    candidates = [*reversed(versions), *configured(), *([Path(found).parent] if found else [])]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def configured() -> list[Path]:
    try:
        said = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(said.strip())]


def account_for(folder: Path) -> dict:
    """Whom the server runs as: it refuses to be root's."""
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, account.pw_uid, account.pw_gid)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other account")


def serve(programs: Path, folder: Path, account: dict) -> Iterator[Server]:
    data, word = folder / "data", folder / "password"
    word.write_text(PASSWORD)
    word.chmod(0o644)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder)}
    common = {"cwd": folder, "env": environment, **account}
    made = subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={word}"),
            *("-E", "UTF8", "--no-sync", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        check=False,
        **common,
    )
    if made.returncode != 0:
        pytest.skip(f"initdb does not work here: {made.stderr.strip()[-200:]}")
    server = Server(free_port(), folder)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": 30,
        "shared_buffers": "16MB",
    }
    log = (folder / "log").open("wb")
    with log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
            stdout=log,
            stderr=log,
            **common,
        )
    try:
        wait_until_ready(programs, server, process)
        yield server
    finally:
        process.send_signal(2)  # SIGINT: disconnects everybody and stops
        process.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def wait_until_ready(programs: Path, server: Server, process: subprocess.Popen) -> None:
    asked = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port), "-U", USER, "-d", "postgres"]
    for _ in range(200):
        if process.poll() is not None:
            break
        if subprocess.run(asked, check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.skip(f"PostgreSQL does not start here: {(server.folder / 'log').read_text()[-300:]}")
