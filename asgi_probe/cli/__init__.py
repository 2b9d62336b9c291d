"""The command line: `asgi-probe run`, `lint`, `list`."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script; `--version` alone costs no more than Python itself."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from asgi_probe import __version__

        if sys.stdout is not None:
            sys.stdout.write(f"asgi-probe {__version__}\n")
        return
    import gc

    from asgi_probe.cli.streams import fill_standard_streams

    fill_standard_streams()

    # nothing is garbage before the run: it begins with a collector of its own settings
    gc.disable()
    from asgi_probe.cli.app import app

    # the same name for `python -m asgi_probe`: usage and completion speak of the command
    try:
        app(prog_name="asgi-probe")
    except SystemExit as leaving:
        from asgi_probe.cli.leaving import leave_tasks, watch_threads

        exit_code = leaving.code if isinstance(leaving.code, int) else 0
        watch_threads(exit_code)
        leave_tasks(exit_code)
        raise
