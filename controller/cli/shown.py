"""How `--help` shows what a verb takes: the name of the value in capitals, or its choices; nothing beside a flag."""

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


class Verb(TyperCommand):
    """One verb."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return what it takes, named as it is to be shown."""
        return [_named(one) for one in super().get_params(ctx)]


class Group(TyperGroup):
    """Verbs that belong together."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return what the group itself takes."""
        return [_named(one) for one in super().get_params(ctx)]


class Verbs(typer.Typer):
    """A group whose verbs are all shown in the same way."""

    def __init__(self, **words: Any) -> None:
        """words: as `typer.Typer` takes them."""
        super().__init__(cls=Group, **words)

    def command(self, name: str | None = None, **words: Any) -> Callable[[_Verb], _Verb]:
        """Add a verb, as `typer.Typer` does."""
        return super().command(name, cls=Verb, **words)


def _named(one: Any) -> Any:
    if isinstance(one, TyperArgument):
        one.metavar = one.metavar or one.name.upper()
        # Its name stands before it already, and a type says no more.
        one.display_type_rich = _nothing  # type: ignore[method-assign]  # the class is made by typer alone
    elif one.metavar is None and not one.type_descriptor.is_choice:
        one.metavar = "" if one.is_flag else _name(one)
    return one


def _nothing(ctx: Any) -> None:
    """Show nothing where the type would stand."""


def _name(one: Any) -> str:
    longest: str = max(one.opts, key=len)
    return longest.removeprefix("--").upper()
