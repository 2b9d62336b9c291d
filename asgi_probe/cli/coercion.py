"""Typer's commands, plainer: flags coerced without pydantic, help that tells no Python types.

Typer asks pydantic even what None or a text is, at a quarter of a second for each command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable


class PlainCoercion:
    """Turns what stands on the command line into what a parameter's annotation says."""

    def __init__(self, annotation: Any, least: float | None, most: float | None) -> None:
        self._each = _reader(annotation, least, most)

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter; a BadParameter says what is expected instead."""
        several = param.multiple or param.nargs == -1
        try:
            if several:
                return [self._each(item) for item in value or ()]
            return None if value is None else self._each(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


def _reader(annotation: Any, least: float | None, most: float | None) -> Callable[[Any], Any]:
    if get_origin(annotation) is list:
        return _reader(get_args(annotation)[0], least, most)
    if get_origin(annotation) is Literal:
        return lambda value: _one_of(value, get_args(annotation))
    if annotation is int:
        return lambda value: _whole(value, least, most)
    if annotation is bool:
        return _switch
    kind: Callable[[Any], Any] = annotation
    return kind


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(map(repr, choices))}")
    return value


def _whole(value: Any, least: float | None, most: float | None) -> int:
    try:
        number = int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{number} is not in the range {_bounds(least, most)}")
    return number


def _bounds(least: float | None, most: float | None) -> str:
    return f"{'' if least is None else f'{least:g} <= '}x{'' if most is None else f' <= {most:g}'}"


_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _SWITCHES.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is not one of 'true', 'false'")
    return found


OPTIONAL_VALUES = {"--shuffle": "random"}
"""Flags whose value may be left out, and what it is then; one that is said stands behind `=`."""


class PlainCommand(TyperCommand):
    """A command whose flags are coerced plainly."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What the arguments leave over; see OPTIONAL_VALUES."""
        flags = args[: args.index("--")] if "--" in args else args
        filled = [f"{flag}={OPTIONAL_VALUES[flag]}" if flag in OPTIONAL_VALUES else flag for flag in flags]
        return super().parse_args(ctx, [*filled, *args[len(flags) :]])

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, `--help` included."""
        return _plain(super().get_params(ctx))

    def get_help_option_names(self, ctx: Any) -> list[str]:
        """As they were given: theirs is the order of a set, another one every time."""
        return list(ctx.help_option_names)


class PlainGroup(TyperGroup):
    """A group of commands whose flags are coerced plainly."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, `--help` included."""
        return _plain(super().get_params(ctx))

    def get_help_option_names(self, ctx: Any) -> list[str]:
        """As they were given: theirs is the order of a set, another one every time."""
        return list(ctx.help_option_names)


def _plain(params: list[Any]) -> list[Any]:
    """The parameters, with our coercion where Typer keeps its own; where it has no such place, nothing changes."""
    for param in params:
        descriptor = getattr(param, "type_descriptor", None)
        if descriptor is not None and getattr(param, "_runtime_param", param) is None:
            least, most = getattr(param, "min", None), getattr(param, "max", None)
            param._runtime_param = PlainCoercion(descriptor.annotation, least, most)  # noqa: SLF001 - see above
        if getattr(param, "is_flag", False) or getattr(param, "count", False):
            # it takes no value: nothing to show
            param.metavar = ""
        elif param.param_type_name == "argument":
            # its name says it all
            param.display_type_rich = _no_type
        elif getattr(param, "max", None) is not None:
            # a range takes the width that other columns need; who leaves it is told what it is
            param._get_number_range_help_str = lambda: ""  # noqa: SLF001 - see above
    return params


def _no_type(ctx: Any) -> None:  # noqa: ARG001 - Typer calls it so
    return None
