"""`asgi-probe merge`: the event streams of shards, and of later runs, told as one run."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import distinct, spare, verbosity
from asgi_probe.cli.streams import console_stream
from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asgi_probe.config import Config, TargetConfig
    from asgi_probe.engine.events import TargetInfo
    from asgi_probe.engine.thresholds import Threshold
    from asgi_probe.merging.counting import Counted
    from asgi_probe.merging.fitting import Whole

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe merge shards/                        all streams of a folder

  asgi-probe merge shards/ --rerun again.ndjson   what failed has run again

  asgi-probe merge one.ndjson two.ndjson          the later result counts

  asgi-probe merge shards/ --report junit=all.xml

[bold]Exit codes[/bold]

    0  all green

    1  something failed, a threshold was broken, or a run was killed

    2  wrong usage: a file is no stream, a shard is missing, or is given twice

    3  a run found no target

   70  a bug of asgi-probe

  130  a run was interrupted, and no later one ran the rest; 143 likewise
"""
_ENDING = ".ndjson"

Streams = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILES",
        help="What --report ndjson=FILE wrote, one file a run; of a folder all *.ndjson; globs.",
        show_default=False,
    ),
]
Rerun = Annotated[
    list[str] | None,
    options.option(
        options.SELECT,
        "--rerun",
        told="A later run of the same checks, or a folder of them: what passed there is flaky. May be repeated.",
        metavar="FILE",
    ),
]


def merge(
    files: Streams = None,
    rerun: Rerun = None,
    fail_on_flaky: options.FailOnFlaky = False,
    threshold: options.Threshold = None,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    color: options.ColorWhen = "auto",
    report: options.Report = None,
) -> None:
    """Tell several event streams as one run: shards that ran side by side, or later runs of what failed."""
    with ending(color, console_stream(report or ())) as screen:
        from asgi_probe.cli.signals import stopping_on_signals
        from asgi_probe.cli.telling import Telling
        from asgi_probe.config import read_config
        from asgi_probe.engine.stopping import Stop
        from asgi_probe.merging.counting import count
        from asgi_probe.merging.telling import Clock, Merged
        from asgi_probe.reporters.console import ConsoleReporter
        from asgi_probe.spec.loader import find_root

        told, reports = verbosity(verbose, quiet=quiet), distinct(report or ())
        paths, later = _each_file(files or ()), _each_file(rerun or ())
        if not paths:
            raise UsageError("no streams to merge: name the files that --report ndjson=FILE wrote, or their folder")
        _refuse_overwriting([*paths, *later], reports)
        counted = count(_whole(paths, later))
        config = read_config(find_root(Path.cwd()))
        thresholds = _thresholds(counted, config, threshold or ())
        clock = Clock()
        console = ConsoleReporter(
            screen, verbosity=told, command=_again(counted, config.targets), clock=lambda: clock.now
        )
        stop = Stop()
        try:
            with (
                stopping_on_signals(stop),
                closing(Telling(reports, console, screen=screen, root=config.root, github=True)) as telling,
            ):
                if told >= 0:
                    screen.write([[(_what(counted.whole), "hint")]])
                merged = Merged(counted, telling.emit, thresholds, fail_on_flaky=fail_on_flaky, clock=clock)
                finished = merged.tell()
        except KeyboardInterrupt:
            screen.write([[("interrupted", "interrupted"), (" before all was told", "")]])
            raise typer.Exit(stop.exit_code) from None
        raise typer.Exit(telling.outcome(finished))


def _whole(paths: Sequence[str], later: Sequence[str]) -> Whole:
    """All streams, if they fit together; a UsageError tells of every file that is no stream."""
    from asgi_probe.merging.fitting import fitted
    from asgi_probe.merging.streams import Stream, read_stream

    streams: list[Stream] = []
    problems: list[str] = []
    for path in (*paths, *later):
        try:
            streams.append(read_stream(Path(path), path))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return fitted(streams[: len(paths)], streams[len(paths) :])


def _each_file(arguments: Sequence[str]) -> list[str]:
    """The files that are named, those of folders sorted; a UsageError lists the arguments that name none."""
    found: list[str] = []
    problems: list[str] = []
    for argument in arguments:
        names = [*_files(argument)]
        if not names:
            what = "no *.ndjson in the folder" if Path(argument).is_dir() else "there is no file or folder"
            problems.append(f"{what} {argument!r}")
        found += names
    if problems:
        raise UsageError("\n".join(problems))
    return found


def _files(argument: str) -> Iterator[str]:
    from glob import glob

    if os.path.isdir(argument):  # noqa: PTH112 - it takes any text
        for folder, folders, names in os.walk(argument):
            folders.sort()
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(_ENDING))  # noqa: PTH118 - names as they were said
    elif os.path.exists(argument):  # noqa: PTH110 - likewise
        yield argument
    else:
        yield from sorted(glob(argument, recursive=True))  # noqa: PTH207 - likewise


def _refuse_overwriting(paths: Sequence[str], reports: Sequence[str]) -> None:
    read: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        if real in read:
            raise UsageError(f"{path!r} is given twice")
        read[real] = path
    spare(paths, reports, "what is to be merged")


def _thresholds(counted: Counted, config: Config, given: Sequence[str]) -> tuple[Threshold, ...]:
    """The configuration's and those that are given; a UsageError for what they speak of and no stream has."""
    from asgi_probe.engine.thresholds import unknown
    from asgi_probe.project.limits import limited

    limits = limited(config, given)
    tags = {tag for stream in counted.whole.all for tag in stream.tags}
    targets = {target for target, _, _ in counted.results} | config.targets.keys()
    problems = unknown(limits.given, "--threshold", tags=tags, targets=targets)
    if problems:
        raise UsageError("\n".join(problems))
    return limits.all


def _what(whole: Whole) -> str:
    """`merging 3 shards and 1 later run`."""
    parts, later = len(whole.parts), len(whole.later)
    kind = "shard" if whole.parts[0].started.shard else "run"
    and_later = f" and {later:,} later run{'s' * (later != 1)}" if later else ""
    return f"merging {parts:,} {kind}{'s' * (parts != 1)}{and_later}"


def _again(counted: Counted, configured: Mapping[str, TargetConfig]) -> str:
    """The command that runs what did not pass again, by hand."""
    from shlex import join

    targets = {target.name: target for each in counted.whole.all for target in each.started.targets}
    words = ["asgi-probe", "run"]
    if len(targets) == 1:
        (target,) = targets.values()
        if target.name not in {"app", "live"} or _is(configured.get(target.name), target):
            words += ["--target", target.name]
        else:
            words += ["--app" if target.name == "app" else "--base-url", target.address]
    return join(words)


def _is(configured: TargetConfig | None, asked: TargetInfo) -> bool:
    """A target that is called what one without a name is called, `app` or `live`, is known by whom it asks."""
    if configured is None:
        return False
    address = configured.app or (configured.base_url or "").rstrip("/")
    return address == asked.address or "${" in address
