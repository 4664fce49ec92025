"""A preference: a text under a key, of one user or of the whole installation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from livermore.kernel.errors import InvalidError
from livermore.kernel.scope import Scope

LONGEST_KEY = 200
LARGEST_VALUE = 32_768
MOST = 500
# Escaped as JSON, which makes up to six bytes of one, all of them together still fit into one request.
LARGEST_IN_ALL = 150_000


class Installation(Enum):
    """Name the preferences that are nobody's own, and count for whoever has none under the same key."""

    INSTALLATION = "installation"


INSTALLATION: Final = Installation.INSTALLATION
Owner = Scope | Installation


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored under a key, and since when (RFC 3339); both are null where nothing is."""

    key: str
    value: str | None = None
    updated_at: str | None = None


def check_all(values: Mapping[str, str]) -> None:
    """Raise InvalidError naming the first key or value that cannot be kept."""
    for key, value in values.items():
        check_key(key)
        _check_text(value, key)
        size = len(value.encode())
        if size > LARGEST_VALUE:
            raise InvalidError(
                f"the value has {size:,} bytes", where=key, hint=f"a value may have {LARGEST_VALUE:,} bytes"
            )


def check_key(key: str) -> None:
    """Raise InvalidError for a key that is empty, too long, or not to be read."""
    if not key:
        raise InvalidError(
            "the key is empty", where="key", hint="name what is to be remembered, such as theme"
        )
    if len(key) > LONGEST_KEY:
        hint = f"a key may have {LONGEST_KEY} characters"
        raise InvalidError(f"the key has {len(key):,} characters", where="key", hint=hint)
    _check_text(key, "key")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in key):
        raise InvalidError("the key holds a control character", where="key", hint="write it in one line")


def check_room(texts: Iterable[tuple[str, str]], where: str) -> None:
    """Raise InvalidError where these keys and values are more than one owner may keep."""
    sizes = [len(key.encode()) + len(value.encode()) for key, value in texts]
    hint = "delete what is no longer needed: livermore preferences list"
    if len(sizes) > MOST:
        raise InvalidError(f"no more than {MOST} preferences are kept", where=where, hint=hint)
    if sum(sizes) > LARGEST_IN_ALL:
        raise InvalidError(f"no more than {LARGEST_IN_ALL:,} bytes are kept", where=where, hint=hint)


def _check_text(text: str, where: str) -> None:
    """Refuse what is no Unicode text, and the one character that PostgreSQL cannot keep."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidError("half of a character is no text", where=_shown(where)) from None
    if "\0" in text:
        raise InvalidError("the character NUL cannot be kept", where=_shown(where))


def _shown(key: str) -> str:
    return key.encode(errors="replace").decode()
