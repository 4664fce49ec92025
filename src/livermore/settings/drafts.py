"""What a write asks for, as a draft of the whole document, and what the draft must be before it is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from livermore.kernel.errors import NewerFormatError
from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import qualify
from livermore.settings.patch import Patch, patched, refuse_fixed
from livermore.settings.path import Path
from livermore.settings.problems import refuse_unknown, validated
from livermore.settings.quotes import usual_quote
from livermore.settings.tree import MISSING, drop, look, put, refusal
from livermore.settings.upgrade import read_settings, upgraded

Document = dict[str, Any]
# A reset leaves what is no default: whose document it is, and what the first start has found.
PRIMARY: Path = ("perseus_profile", "primary_exchange")
QUOTE: Path = ("scanner", "quote")
KEPT: tuple[Path, ...] = (("sub",), PRIMARY)
WATCHLISTS = ("symbols", "disabled_symbols")


class Draft(NamedTuple):
    """A document that is wanted.

    In a `placed` one plain symbols belong to its own primary exchange already, and so they do in a `complete`
    one, which takes over nothing of what is stored.
    """

    document: Any
    complete: bool = False
    placed: bool = False


Drafting = Callable[[SettingsDocument], Draft]


def replacing(document: Any, *, complete: bool = False) -> Drafting:
    """Put one document in the place of another."""
    return lambda _: Draft(document, complete)


def patching(patch: Patch) -> Drafting:
    """Change what a patch says."""
    return lambda before: Draft(patched(before.plain(), patch))


def resetting(paths: Sequence[Path] | None) -> Drafting:
    """Go back to the defaults: of some settings, or of all but those that have none."""
    defaults = read_settings({}).plain()
    if paths is not None:
        return lambda before: _with_parts_of(before.plain(), defaults, paths)

    def draft(before: SettingsDocument) -> Draft:
        plain = before.plain()
        kept = [path for path in KEPT if look(plain, path) is not MISSING]
        document = _placed(defaults, before.perseus_profile.primary_exchange)
        for path in kept:
            document = put(document, path, look(plain, path))
        return Draft(document, complete=True)

    return draft


def going_back(earlier: Document, paths: Sequence[Path] | None) -> Drafting:
    """Return to an earlier document, or to some settings of it."""
    if paths is None:
        return replacing(earlier, complete=True)
    return lambda before: _with_parts_of(before.plain(), earlier, paths)


def _with_parts_of(document: Document, source: Document, paths: Sequence[Path]) -> Draft:
    """Take over some settings of another document, each with the meaning that it had there."""
    primary = _primary(_taken_over(document, source, paths))
    parts = _taken_over(_placed(document, primary), _placed(source, primary), paths)
    return Draft(parts, placed=True)


def _placed(document: Document, primary: str | None) -> Document:
    """Return a document as it is written where another exchange may be the primary one.

    Plain symbols stay where they are, and a quote asset that nobody has chosen becomes that exchange's.
    """
    own = _primary(document)
    if own == primary:
        return document
    if look(document, QUOTE) == usual_quote(own):
        document = put(document, QUOTE, usual_quote(primary))
    if own is None:
        return document
    return _qualified(document, own, lambda name: qualify(name, None).exchange is None)


def _primary(document: Document) -> str | None:
    """Return the primary exchange of a document that may not fit."""
    named = look(document, PRIMARY)
    return named if isinstance(named, str) else None


def _qualified(document: Document, exchange: str, is_its: Callable[[str], bool]) -> Document:
    """Return a document, of which nothing is known, with some names of its watchlist qualified."""
    lists = {field: document[field] for field in WATCHLISTS if isinstance(document.get(field), list)}
    return document | {
        field: [f"{exchange}:{name}" if isinstance(name, str) and is_its(name) else name for name in names]
        for field, names in lists.items()
    }


def _taken_over(document: Document, source: Document, paths: Sequence[Path]) -> Document:
    """Return the document with what stands at some paths of another, or without what does not."""
    for path in paths:
        refuse_fixed(path)
        refuse_unknown(path)
        value = look(source, path)
        if value is not MISSING:
            document = put(document, path, value)
        elif look(document, path) is not MISSING:
            document = drop(document, path)
    return document


def settled(before: SettingsDocument, draft: Draft, scope: Scope) -> SettingsDocument:
    """Return what a draft becomes: upgraded, in step with what it changes, and of the right form.

    Errors: SettingsProblemsError naming each path that does not fit.
    """
    document = of_this_version(draft.document)
    whose = document.get("sub")
    if whose is not None and whose != scope.identity_sub:
        raise refusal(("sub",), "is another user's", "leave it out, and the settings become yours")
    is_placed = draft.complete or draft.placed
    return validated(document if is_placed else quoted_anew(before, qualified_anew(before, document)))


def of_this_version(document: Any) -> Document:
    """Return a draft in the newest version; raise SettingsProblemsError for a newer one."""
    try:
        return upgraded(document)
    except NewerFormatError as error:
        raise refusal(("version",), "is newer than this Livermore knows", error.hint) from None


def qualified_anew(before: SettingsDocument, document: Document) -> Document:
    """Keep listed symbols on their exchange when the primary one changes: plain names get the old one's.

    The document is a draft, of which nothing is known.
    """
    old = before.perseus_profile.primary_exchange
    if old is None or old == look(document, PRIMARY):
        return document
    listed = {*before.symbols, *before.disabled_symbols}
    plain = {name for name in listed if qualify(name, None).exchange is None}
    return _qualified(document, old, plain.__contains__)


def quoted_anew(before: SettingsDocument, document: Document) -> Document:
    """Have the scanner look for the usual quote asset of the primary exchange until another is chosen.

    The document is a draft, of which nothing is known.
    """
    old, new = before.perseus_profile.primary_exchange, _primary(document)
    if not isinstance(document.get("scanner", {}), dict):
        return document
    quote = look(document, QUOTE)
    follows = old != new and quote == before.scanner.quote == usual_quote(old)
    return put(document, QUOTE, usual_quote(new)) if quote is MISSING or follows else document
