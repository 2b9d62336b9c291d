"""A server on 127.0.0.1 in a process of its own: `python -m tests.benchmarks.server DESCRIPTOR APP`."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.measure import ROOT

_WAITING = 2048
"""Connections that may wait to be accepted: more than are ever opened at once."""


@contextmanager
def serving(app: str) -> Iterator[str]:
    """The base URL of a server for an app of `tests.benchmarks.bare_app`."""
    with socket.create_server(("127.0.0.1", 0), backlog=_WAITING) as listening:
        number = listening.fileno()
        command = [sys.executable, "-m", "tests.benchmarks.server", str(number), app]
        server = subprocess.Popen(command, cwd=ROOT, pass_fds=[number])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait()


def _serve(descriptor: int, app: str) -> None:
    import uvicorn

    # a slow client leaves connections idle for long, and fails when it finds them closed
    config = uvicorn.Config(
        f"tests.benchmarks.bare_app:{app}", lifespan="off", log_level="error", access_log=False, timeout_keep_alive=600
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
