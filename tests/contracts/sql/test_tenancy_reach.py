"""Who reaches the rows of everybody is named here, and all others name a user: the source itself is read.

A new place that reaches everybody fails here until it is entered with its reason.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import livermore
from livermore.adapters import sql

ROOT = Path(livermore.__file__).parent
SQL = Path(sql.__file__).parent

EVERYBODY = {
    # Who somebody is must be asked before it is known whose rows may be reached.
    "adapters.sql.accounts.SqlUserBook",
    "adapters.sql.sessions.SqlSessionBook",
    "adapters.sql.tokens.SqlTokenBook.owner",
    "adapters.sql.tokens.SqlTokenBook.used",
    # What is the installation's is nobody's to write; who may is asked before, by role.
    "adapters.sql.workspace._reach",
    # A migration changes the tables of all.
    "adapters.sql.migration._upgrade",
    # Single statements that must be fast say nothing beforehand; each names its user itself.
    "adapters.sql.kept.KeptConnections",
    # Who hosts users asks for the open commands of all, and the chains of all are sealed by one.
    "adapters.sql.journal.SqlJournal.open",
    "adapters.sql.trail.SqlTrail.unsealed",
    "adapters.sql.trail.SqlTrail.overfull",
    "adapters.sql.trail.SqlTrail.verify",
    # One process takes, and gives back, the leases of all whom it hosts.
    "adapters.sql.runtime.SqlRuntimeBook.claim",
    "adapters.sql.runtime.SqlRuntimeBook.release",
    # The proof of isolation looks whether all are there, in a database of its own.
    "adapters.sql.canaries.prints_of",
    "bootstrap.canaries.House.owners",
}
NOBODY = {
    # Markets, exchanges and folders are no user's; guesses and logins under way belong to nobody yet.
    "adapters.sql.market.SqlCandleStore",
    "adapters.sql.market.SqlExchangeBook",
    "adapters.sql.listing.SqlListingStore",
    "adapters.sql.workspace.SqlWorkspaceBook",
    "adapters.sql.attempts.SqlAttemptBook",
    "adapters.sql.logins.SqlLoginBook",
    "adapters.sql.login.login_of",
    "adapters.sql.migration._revision",
    "adapters.sql.migration._enter_wal",
}
WHOSE = {"scope", "owner"}


def places(tree: ast.AST, module: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the name of the function in which it stands."""

    def inside(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            below = f"{name}.{child.name}" if named else name  # type: ignore[attr-defined]
            yield below, child
            yield from inside(child, below)

    yield from inside(tree, module)


def source() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of the package with its place."""
    for file in sorted(ROOT.rglob("*.py")):
        if "migrations" not in file.parts:
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            yield from places(ast.parse(file.read_text()), module)


def entered(found: set[str], names: set[str]) -> set[str]:
    """Return the places that are not entered, by themselves or by their class."""
    return {
        place for place in found if not any(place == name or place.startswith(f"{name}.") for name in names)
    }


def test_only_these_reach_everybody() -> None:
    found = {place for place, node in source() if _is_everybody(node) and not place.startswith("kernel.")}
    assert entered(found, EVERYBODY) == set()
    assert EVERYBODY - found - _owners_of(found) == set()


def test_only_these_name_nobody() -> None:
    found = {place for place, node in source() if _opens_without_a_reach(node)}
    assert entered(found, NOBODY) == set()
    assert NOBODY - found - _owners_of(found) == set()


def test_a_repository_cannot_be_called_without_saying_whose_rows_are_meant() -> None:
    """By the constructor or by each method, and without a default."""
    asked = 0
    for module in pkgutil.iter_modules([str(SQL)]):
        for name, kind in vars(importlib.import_module(f"{sql.__name__}.{module.name}")).items():
            if name.startswith("Sql") and kind.__module__ == f"{sql.__name__}.{module.name}":
                asked += 1
                place = f"adapters.sql.{module.name}.{name}"
                assert entered(set(_careless(kind, place)), EVERYBODY | NOBODY) == set()
    assert asked > 10


def _careless(kind: Any, place: str) -> Iterator[str]:
    """Yield the public methods for which nobody has to say whose rows are meant."""
    if _demands(kind.__init__, WHOSE | {"reach"}):
        return
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        # To close is to reach no rows.
        public = (
            not name.startswith("_")
            and name != "close"
            and (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method))
        )
        if public and not _demands(method, WHOSE):
            yield f"{place}.{name}"


def _demands(function: Any, names: set[str]) -> bool:
    parameters = inspect.signature(function).parameters
    return any(name in parameters and parameters[name].default is inspect.Parameter.empty for name in names)


def _is_everybody(node: ast.AST) -> bool:
    is_name = isinstance(node, ast.Name) and node.id == "EVERYBODY"
    return is_name or (isinstance(node, ast.Attribute) and node.attr == "EVERYBODY")


def _opens_without_a_reach(node: ast.AST) -> bool:
    """Say whether a database is read or written and no reach is given; a unit of work has one of its own."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    opens = node.func.attr in {"reading", "writing"} and not (node.args or node.keywords)
    return opens and "_work" not in ast.unparse(node.func.value)


def _owners_of(found: set[str]) -> set[str]:
    return {place.rpartition(".")[0] for place in found}
