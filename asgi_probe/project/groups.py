"""The files of a plan by whom they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.engine.run import Group
from asgi_probe.project.targets import build_target

if TYPE_CHECKING:
    from asgi_probe.engine.plan import FilePlan
    from asgi_probe.project.workspace import Workspace
    from asgi_probe.target.base import Warn
    from asgi_probe.target.importing import LoadedApp

CONCURRENCY = 16
"""Checks at the same time, where nothing is said."""


def groups_of(workspace: Workspace, warn: Warn, app: LoadedApp | None = None, *, capture: bool = True) -> list[Group]:
    """The files by the targets that they ask, these built, with `app` if it is given, but not entered."""
    files: dict[int, list[FilePlan]] = {}
    for file in workspace.plan.files:
        files.setdefault(id(file.asked), []).append(file)
    groups = []
    for mine in files.values():
        config = workspace.target_of(mine[0])
        target = build_target(config, root=workspace.config.root, warn=warn, app=app, capture=capture)
        groups.append(Group(target, tuple(mine), config.concurrency or CONCURRENCY))
    return groups
