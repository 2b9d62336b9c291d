"""`asgi-probe lint`: read and compile specs, send nothing."""

from __future__ import annotations

import os

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe lint                     every spec of the configuration

  asgi-probe lint specs/items.yaml    one file

  asgi-probe lint 'specs/**/*.yaml' --var tenant=acme

[bold]Exit codes[/bold]

   0  no problems

   1  the output could not be written

   2  wrong usage, or problems: all of them are told

   4  there is no check

  70  a bug of asgi-probe
"""


def lint(
    paths: options.Paths = None,
    target: options.TargetName = None,
    var: options.Var = None,
    vars_file: options.VarsFile = None,
    secret: options.Secret = None,
    color: options.ColorWhen = "auto",
) -> None:
    """Check specs without sending anything: all problems of all files, each with its place."""
    with ending(color) as screen:
        from asgi_probe.project.variables import given_secrets
        from asgi_probe.project.workspace import Wish, open_workspace

        wish = Wish(
            paths or (),
            var=var or (),
            vars_file=vars_file or (),
            target_name=target,
            needs_target=False,
            secrets=given_secrets(secret or (), os.environ),
        )
        workspace = open_workspace(wish)
        files, checks = len(workspace.plan.files), len(workspace.plan.checks)
        screen.write(workspace.warnings)
        screen.write(
            [[(f"{checks} check{'s' * (checks != 1)} in {files} file{'s' * (files != 1)}, no problems", "passed")]]
        )
