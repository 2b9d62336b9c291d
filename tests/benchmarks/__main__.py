"""`python -m tests.benchmarks [group …]`: measure, and print one table."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import flows, in_process, live, loading, memory, page, pytest_plugin, reports, startup
from tests.benchmarks.sizes import FULL, QUICK
from tests.benchmarks.table import head, line

GROUPS = {
    "startup": startup.rows,
    "in_process": in_process.rows,
    "live": live.rows,
    "loading": loading.rows,
    "memory": memory.rows,
    "flows": flows.rows,
    "pytest": pytest_plugin.rows,
    "reports": reports.rows,
    "page": page.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"any of {', '.join(GROUPS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all of it works; means nothing")
    args = parser.parse_args()
    if unknown := set(args.groups) - set(GROUPS):
        parser.error(f"unknown group {min(unknown)!r}, expected any of {', '.join(GROUPS)}")
    print(head(), flush=True)
    for group in args.groups or GROUPS:
        with TemporaryDirectory() as folder:
            for row in GROUPS[group](QUICK if args.quick else FULL, Path(folder).resolve()):
                print(line(row), flush=True)


main()
