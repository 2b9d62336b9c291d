"""The specs that are measured."""

from pathlib import Path

_CHECK = """\
  - name: item {number}
    get: /items/{number}
    expect:
      status: 200
      headers:
        content-type: application/json
      json: {{id: {number}, tags: [new, red]}}
      jsonpath:
        $.owner.name: Ann
"""


def item_checks(count: int, first: int = 0) -> str:
    """A spec of checks with four expectations each, ten lines or so a check."""
    return "checks:\n" + "".join(_CHECK.format(number=number) for number in range(first, first + count))


def write(folder: Path, name: str, text: str) -> Path:
    """A spec file in a folder that is a project's root."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asgi-probe.toml").touch()
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
