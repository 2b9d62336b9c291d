"""Tracebacks for people: the user's own frames, and one line for what frameworks did between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.terminal import harmless, survived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_MESSAGE = 4_000
_TEXT = 32_000
_FRAMES = 40
_ALL_FRAMES = 80
_LINKS = 6
_LINE = 300

_OURS = str(Path(__file__).resolve().parent.parent)
_DEMO = str(Path(_OURS) / "demo")
"""Our own package holds one app, which is the user's as any other."""


def app_traceback(error: BaseException, *, root: Path | None = None, whole: bool = False) -> str:
    """What `error` says and where in the user's code it came from; paths are relative to `root`.

    Frames of frameworks between the user's are one line, our own are left out; where none is the user's, the
    frameworks' are shown; a `whole` one has all of them. Bounded in length, safe to print, survives every exception
    that can be raised.
    """
    text = "\n".join(_chain(error, _Look(root, whole), set(), 0))
    most = _TEXT * 4 if whole else _TEXT
    if len(text) > most:
        text = f"{text[: most // 2]}\n  … {len(text) - most} characters …\n{text[-most // 2 :]}"
    return harmless(text)


def in_a_line(error: BaseException) -> str:
    """`error` as its repr in a line, bounded."""
    return _cut(survived(error, repr).replace("\n", "\\n"), _LINE)


def unwrapped(error: BaseException) -> BaseException:
    """What is inside of exception groups that hold a single exception."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def exit_in(error: BaseException) -> BaseException | None:
    """The `SystemExit` or `KeyboardInterrupt` that `error` is or holds, if any."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := exit_in(inner)) is not None), None)
    return None


def ran_code(error: BaseException) -> bool:
    """Whether `error` came from any code but the import system's and ours."""
    return any(owner != "importlib" for *_, owner in _frames(error.__traceback__))


@dataclass(frozen=True, slots=True)
class _Look:
    """What paths are relative to, and whether every frame is shown."""

    root: Path | None
    whole: bool


def _chain(error: BaseException, look: _Look, seen: set[int], depth: int, *, is_cause: bool = False) -> Iterator[str]:
    error = unwrapped(error)
    seen.add(id(error))
    before, joint = _reason(error)
    if before is not None and id(before) not in seen:
        if depth < _LINKS:
            yield from _chain(before, look, seen, depth + 1, is_cause=True)
        else:
            yield "… earlier exceptions …"
        yield f"\n{joint}\n"
    yield from _one(error, look, is_cause=is_cause)
    if isinstance(error, BaseExceptionGroup):
        yield from _members(error, look, seen, depth + 1)


def _reason(error: BaseException) -> tuple[BaseException | None, str]:
    if error.__cause__ is not None:
        return error.__cause__, "The above exception was the direct cause of the following exception:"
    context = None if error.__suppress_context__ else error.__context__
    return context, "During handling of the above exception, another exception occurred:"


def _members(group: BaseExceptionGroup[BaseException], look: _Look, seen: set[int], depth: int) -> Iterator[str]:
    if depth >= _LINKS:
        return
    for number, member in enumerate(group.exceptions[:_LINKS], 1):
        yield f"  ── {number} of {len(group.exceptions)} ──"
        if id(member) not in seen:
            yield from ("  " + line for part in _chain(member, look, seen, depth) for line in part.split("\n"))
    if len(group.exceptions) > _LINKS:
        yield f"  … {len(group.exceptions) - _LINKS} more …"


def _one(error: BaseException, look: _Look, *, is_cause: bool) -> Iterator[str]:
    frames = list(_frames(error.__traceback__))
    if any(owner != "importlib" for *_, owner in frames):
        yield "Traceback (most recent call last):"
        if look.whole:
            yield from _listed(frames, look.root, _ALL_FRAMES)
        # what a library did on its own, before it raised the error that counts, helps nobody
        elif is_cause and all(owner for *_, owner in frames):
            yield from _collapsed(frames)
        else:
            yield from _shown(frames, look.root)
    yield _said(error)
    notes = getattr(error, "__notes__", None)
    yield from (_cut(survived(note), _MESSAGE) for note in (notes if isinstance(notes, list | tuple) else ()))


Frame = tuple[str, int, str, str]
"""File, line, function, owner."""


def _frames(trace: TracebackType | None) -> Iterator[Frame]:
    while trace is not None:
        code = trace.tb_frame.f_code
        owner = _owner(code.co_filename)
        if owner != "asgi_probe":
            yield code.co_filename, trace.tb_lineno, code.co_qualname, owner
        trace = trace.tb_next


def _shown(frames: list[Frame], root: Path | None) -> Iterator[str]:
    first = next((index for index, frame in enumerate(frames) if not frame[3]), None)
    if first is None:
        yield from _listed(frames, root)
        return
    runs = [list(run) for _, run in groupby(frames[first:], key=lambda frame: bool(frame[3]))]
    for run in runs:
        yield from _collapsed(run) if run[0][3] else _listed(run, root)


def _collapsed(frames: list[Frame]) -> Iterator[str]:
    owners = dict.fromkeys(frame[3] for frame in frames)
    names = ", ".join(list(owners)[:4]) + (" …" if len(owners) > 4 else "")
    yield f"  … {len(frames)} frame{'s' * (len(frames) != 1)} in {names} …"


def _listed(frames: list[Frame], root: Path | None, most: int = _FRAMES) -> Iterator[str]:
    import linecache

    left_out = len(frames) - most
    if left_out > 1:
        yield from _listed(frames[: most // 2], root)
        yield f"  … {left_out} more frames …"
        frames = frames[-most // 2 :]
    for filename, line, function, _ in frames:
        yield f'  File "{relative(filename, root)}", line {line}, in {function}'
        source = linecache.getline(filename, line).strip()
        if source:
            yield f"    {_cut(source, _LINE)}"


def relative(filename: str, root: Path | None) -> str:
    """The file's path from `root`, its own where it is not in it."""
    if root is not None:
        path = Path(filename)
        for base in (root, root.resolve()):
            if path.is_relative_to(base):
                return str(path.relative_to(base))
    return filename


@lru_cache(maxsize=4096)
def _owner(filename: str) -> str:
    """The package that a file belongs to, empty for the user's own."""
    if filename.startswith("<frozen "):
        return "importlib" if "importlib" in filename else "python"
    path = filename if filename.startswith("<") else str(Path(filename).resolve())
    if path.startswith((f"{_DEMO}/", f"{_DEMO}\\")):
        return ""
    if path.startswith((f"{_OURS}/", f"{_OURS}\\")):
        return "asgi_probe"
    parts = Path(path).parts
    for index, part in enumerate(parts[:-1]):
        if part in {"site-packages", "dist-packages"}:
            return _stem(parts[index + 1])
    within = next((base for base in _standard_library() if Path(path).is_relative_to(base)), None)
    return "" if within is None else _stem(Path(path).relative_to(within).parts[0])


@cache
def _standard_library() -> tuple[Path, ...]:
    import sysconfig

    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def _stem(name: str) -> str:
    return name.removesuffix(".py")


def _said(error: BaseException) -> str:
    """The last line of a traceback: the type, and what the exception says."""
    if isinstance(error, SyntaxError):
        import traceback

        try:
            lines = traceback.TracebackException(type(error), error, None).format_exception_only()
            return _cut("".join(lines).rstrip("\n"), _MESSAGE)
        except Exception:  # noqa: BLE001, S110 - a SyntaxError made by hand may hold anything
            pass
    name = type(error).__qualname__
    module = type(error).__module__
    if module not in {"builtins", "__main__"}:
        name = f"{module}.{name}"
    message = _cut(survived(error, str), _MESSAGE)
    return f"{name}: {message}" if message else name


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


def asserted(error: AssertionError) -> str:
    """The line of the user's code that failed, for an assertion that says nothing itself."""
    import linecache

    frames = [frame for frame in _frames(error.__traceback__) if not frame[3]]
    return linecache.getline(frames[-1][0], frames[-1][1]).strip() if frames else ""
