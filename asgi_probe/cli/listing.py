"""`asgi-probe list`: what would run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.terminal import inline, open_screen

if TYPE_CHECKING:
    from asgi_probe.engine.plan import CheckPlan
    from asgi_probe.terminal import Line

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe list                      every check, with its tags and place

  asgi-probe list -t 'smoke and not slow'

  asgi-probe list specs/items.yaml -k delete

  asgi-probe list --last-failed

  asgi-probe list --shard 2/5

[bold]Exit codes[/bold]

   0  listed

   1  the output could not be written

   2  wrong usage, or a spec that is not valid

   4  no check was selected

  70  a bug of asgi-probe
"""


def list_(
    paths: options.Paths = None,
    tag: options.Tag = None,
    name: options.Name = None,
    last_failed: options.LastFailed = False,
    failed_first: options.FailedFirst = False,
    shard: options.ShardOf = None,
    repeat: options.Repeat = None,
    shuffle: options.Shuffle = None,
    target: options.TargetName = None,
    var: options.Var = None,
    vars_file: options.VarsFile = None,
    secret: options.Secret = None,
    color: options.ColorWhen = "auto",
) -> None:
    """List the checks that would run: their ids, tags and places. Sends nothing."""
    with ending(color) as screen:
        from asgi_probe.cli.ordering import order_from, ordered
        from asgi_probe.project.variables import given_secrets
        from asgi_probe.project.workspace import Wish, open_workspace

        order = order_from(
            last_failed=last_failed, failed_first=failed_first, shuffle=shuffle, shard=shard, repeat=repeat
        )
        wish = Wish(
            paths or (),
            tag or (),
            name or (),
            var or (),
            vars_file or (),
            target_name=target,
            needs_target=False,
            imports=False,
            secrets=given_secrets(secret or (), os.environ),
        )
        workspace = ordered(open_workspace(wish), order)
        open_screen(sys.stderr, color=color).write(workspace.notes)
        screen.write(_line(check) for check in workspace.plan.checks)


def _line(check: CheckPlan) -> Line:
    line: Line = [(inline(check.id), "message")]
    if check.tags:
        line.append((f"  [{inline(', '.join(check.tags))}]", "hint"))
    if check.skip is not None:
        line.append((f"  skipped: {inline(check.skip)}", "skipped"))
    line.append((f"  {check.file}:{check.line}", "place"))
    return line
