"""Imports point down only, type-only and function-level ones included."""

import ast
from pathlib import Path

import asgi_probe

PACKAGE = Path(asgi_probe.__file__).parent

FLOORS = {
    "pytest_plugin": {"testing"},
    "testing": {"project", "config", "reporters", "engine", "target", "spec", "terminal", "errors"},
    "cli": {
        "merging",
        "serving",
        "project",
        "config",
        "reporters",
        "engine",
        "judge",
        "target",
        "spec",
        "terminal",
        "errors",
        "exchange",
    },
    "merging": {
        "reporters.reading",
        "engine.events",
        "engine.results",
        "engine.measures",
        "engine.thresholds",
        "terminal",
        "errors",
    },
    "serving": {"reporters", "engine.events", "engine.results", "target.children", "terminal", "errors"},
    "project": {"config", "engine", "target", "spec", "terminal", "errors", "exchange"},
    "reporters": {"engine.events", "engine.results", "spec.source", "terminal", "errors"},
    "config": {"spec", "errors"},
    "engine": {"judge", "target", "spec", "errors", "exchange", "terminal"},
    "judge": {"spec", "errors", "exchange", "terminal"},
    "target": {"errors", "exchange", "terminal"},
    "spec": {"errors", "terminal"},
    "exchange": set(),
    "terminal": {"stand_ins"},
    "stand_ins": set(),
    "errors": {"spec.source"},
    "demo": set(),
    "__main__": {"cli"},
    "library": {"project", "config", "reporters", "engine", "target", "spec", "terminal", "errors"},
    "__init__": {"library", "engine", "target", "spec", "errors"},
}
"""What each room may import, besides itself and the package's version."""

ONLY_USERS = {
    "httpx": {"target"},
    "httpcore": {"target"},
    "typer": {"cli"},
    "rich": {"terminal"},
    "yaml": {"spec"},
    "pytest": {"pytest_plugin", "testing"},
}
"""Who alone may import a library."""


def modules() -> dict[str, ast.Module]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
    }


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, allowed: set[str]) -> bool:
    return any(name == floor or name.startswith(floor + ".") for floor in allowed)


def test_imports_point_down() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in modules().items()
        for name in imported(tree)
        if name.startswith("asgi_probe.")
        and name != "asgi_probe.__version__"
        and not within(name.removeprefix("asgi_probe."), FLOORS[module.partition(".")[0]] | {module.partition(".")[0]})
    ]
    assert wrong == []


def test_libraries_have_one_user() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in modules().items()
        for name in imported(tree)
        if (library := name.partition(".")[0]) in ONLY_USERS and module.partition(".")[0] not in ONLY_USERS[library]
    ]
    assert wrong == []


def test_every_room_has_a_floor() -> None:
    assert {module.partition(".")[0] for module in modules()} == FLOORS.keys()
