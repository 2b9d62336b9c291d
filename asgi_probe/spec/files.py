"""Files that a spec names: relative to its folder, never outside the project's root."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
"""The largest file that is read into memory for a spec."""


class FileError(ValueError):
    """A file that a spec may not, or cannot, read; the message says why."""


def inside(name: str, *, folder: Path, root: Path) -> Path:
    """The file `name` means in a spec of `folder`, symlinks resolved; a FileError outside `root` or where none is."""
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(root.resolve()):
            raise FileError(f"the file {name!r} is outside the project's root")
        if not path.exists():
            raise FileError(f"there is no file {name!r} beside the spec")
        if not path.is_file():
            raise FileError(f"{name!r} is not a file")
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{name!r} is no file name: {error}") from None
    return path


def read_bytes(name: str, *, folder: Path, root: Path) -> bytes:
    """The file's content, at most 64 MiB; a FileError says why not."""
    path = inside(name, folder=folder, root=root)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileError(f"the file {name!r} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise FileError(f"the file {name!r} is larger than 64 MiB")
    return content


def read_text(name: str, *, folder: Path, root: Path) -> str:
    """The file's text in UTF-8, a byte order mark passed over; a FileError says why not."""
    try:
        return read_bytes(name, folder=folder, root=root).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"the file {name!r} is not UTF-8 at byte {error.start}") from None
