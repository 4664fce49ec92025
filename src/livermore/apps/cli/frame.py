"""How verbs are put together: lazy loading, a default for groups, options that take several values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from livermore.apps.cli.verbs import VERBS

Spread = Mapping[str, Callable[[str], bool]]
"""Options that take several values, and which of the words that follow belong to them."""

# Contexts and commands of Typer's own Click have no public types; they only pass through here.


class LazyGroup(TyperGroup):
    """List the verbs from a table, and import the module of the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs."""
        return [verb.name for verb in VERBS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a verb, once."""
        if cmd_name not in self.commands:
            where = next((verb.where for verb in VERBS if verb.name == cmd_name), None)
            if where is None:
                return None
            module, _, attribute = where.partition(":")
            self.commands[cmd_name] = get_command(
                getattr(import_module(f"{__package__}.{module}"), attribute)
            )
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or refuse with the nearest names."""
        if self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=2)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no verb {args[0]!r}{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb.name, verb.help) for verb in VERBS])


class PlainGroup(TyperGroup):
    """A group whose help gives the whole first sentence of each command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands."""
        rows = [(name, (command.help or "").partition("\n\n")[0]) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class DefaultGroup(PlainGroup):
    """A group that runs its first command when the arguments name none of them."""

    @property
    def default(self) -> Any:
        """Return the first command."""
        return next(iter(self.commands.values()))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the first command before arguments that begin with no command."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [self.default.name, *args])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Write that the command may be left out."""
        return ["[COMMAND]", *self.default.collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Show the options of the first command as well: they may follow the group's name directly."""
        self.default.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Show the examples of the first command."""
        self.default.format_epilog(ctx, formatter)


class HelpfulGroup(PlainGroup):
    """A group that shows its help when it is called alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read no arguments as a call for help."""
        return super().parse_args(ctx, args or ["--help"])


class ManyValues(TyperCommand):
    """A command some of whose options take several values after one flag: `--replay a.csv b.csv`."""

    spread: ClassVar[Spread] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the flag before each further value."""
        return super().parse_args(ctx, repeated_flags(args, self.spread))


def repeated_flags(args: Sequence[str], spread: Spread) -> list[str]:
    """Write `--flag a b` as `--flag a --flag b`, for the flags and values that `spread` names."""
    written: list[str] = []
    flag = None
    for word in args:
        if flag and written[-1] != flag:
            if word.startswith("-") or not spread[flag](word):
                flag = None
            else:
                written.append(flag)
        written.append(word)
        if word in spread:
            flag = word
    return written


def new_app(help: str | None = None, *, group: type[TyperGroup] | None = None) -> typer.Typer:  # noqa: A002 - Typer's word
    """Return a Typer app in the house's manner: plain help, no traceback of its own."""
    app = typer.Typer(
        help=help, cls=group, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False
    )
    if group is not None:
        app.callback()(_nothing)
    return app


def examples(*lines: str) -> str:
    """Write the examples that end a verb's help, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def _nothing() -> None:
    """Give a group the callback that makes it one."""
