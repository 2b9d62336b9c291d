"""Files of reports: written beside their place and put there whole, or not at all."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from asgi_probe.errors import UsageError
from asgi_probe.terminal import drain


class ReportFile:
    """A file to be filled from its beginning: what was there before stays until `commit`.

    What is no regular file (a pipe, a device, standard output) is written as it comes. Raises OSError where the system
    does.
    """

    def __init__(self, file: BinaryIO, temporary: Path | None = None, place: Path | None = None) -> None:
        self._file = file
        self._temporary = temporary
        self._place = place

    def write(self, text: str | bytes) -> None:
        """Write a text in UTF-8 (what it cannot hold are lone surrogates: they become `?`), or bytes."""
        self._file.write(text.encode("utf-8", "replace") if isinstance(text, str) else text)

    def commit(self) -> None:
        """Close the file and put it in its place."""
        self._file.close()
        if self._temporary is not None and self._place is not None:
            try:
                self._temporary.replace(self._place)
            finally:
                self._temporary.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing behind, and what was there before as it was."""
        if self._temporary is None:
            drain(self._file)
        with suppress(OSError):
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)


def has_read_enough(name: str, error: Exception) -> bool:
    """Whether it was no fault: who reads standard output (`| head`) has closed it."""
    return name == "-" and isinstance(error, BrokenPipeError)


def open_file(name: str, *, cwd: Path) -> ReportFile:
    """The file of that name, relative to `cwd`, its folders made; `-` is standard output.

    Raises `UsageError` for what cannot be written.
    """
    if name == "-":
        return ReportFile(standard_output())
    place = _place(name, cwd)
    if _is_no_regular_file(place):
        return ReportFile(_opened(name, place, "wb"))
    temporary = place.with_name(f".{place.name[:100]}.{os.urandom(6).hex()}")
    return ReportFile(_opened(name, temporary, "xb"), temporary, place)


def open_to_append(name: str, *, cwd: Path) -> tuple[ReportFile, int]:
    """The file of that name to be written on behind what others wrote, and how many bytes that is."""
    file = _opened(name, _place(name, cwd), "ab")
    return ReportFile(file), file.tell()


def open_directly(name: str, *, cwd: Path) -> BinaryIO:
    """The same for what is read while it is written: the file itself, empty."""
    return standard_output() if name == "-" else _opened(name, _place(name, cwd), "wb")


def _place(name: str, cwd: Path) -> Path:
    try:
        if _is_no_regular_file(cwd / name):
            return cwd / name  # what an open pipe is called has no place: /dev/stdout, /dev/fd/63 of `>(…)`
        place = Path(os.path.realpath(cwd / name))
        if place.is_symlink():
            place.stat()  # which fails: they lead in a circle
        if name.endswith("/") or place.is_dir():
            raise UsageError(f"the report {name!r} cannot be written: it is a folder, expected a file")
        place.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None
    if place.exists() and not os.access(place, os.W_OK):
        raise UsageError(f"the report {name!r} cannot be written: permission denied")
    return place


def _is_no_regular_file(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _opened(name: str, path: Path, mode: str) -> BinaryIO:
    try:
        return path.open(mode)  # type: ignore[return-value]  # the modes are those of binary files
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None


def _unwritable(name: str, error: Exception) -> UsageError:
    why = (getattr(error, "strerror", None) or str(error)).lower()
    return UsageError(f"the report {name!r} cannot be written: {why}")


def standard_output() -> BinaryIO:
    """Standard output for this report alone, whatever the program does to its own from now on."""
    try:
        sys.stdout.flush()
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    except (AttributeError, OSError, ValueError):
        raise UsageError(
            "the report '-' cannot be written: standard output is closed or no file, name a file"
        ) from None
