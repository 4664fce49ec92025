"""What users are called, and which identities can be kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from secrets import token_hex

from livermore.accounts.user import User
from livermore.kernel.errors import InvalidError

LOCAL = "local"
WORKSPACE = frozenset({LOCAL, "demo", "replay"})
LONGEST = 50  # characters
LONGEST_SHOWN = 100  # characters
LONGEST_PROVIDER, LONGEST_SUB, LONGEST_EMAIL = 20, 255, 255  # characters
UNSHOWN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, ends of lines
SHAPE = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,49}")
TRIES = 20


def folded(username: str) -> str:
    """Return a name as it is kept: whoever types capital letters means the same user."""
    return username.strip().casefold()


def is_name(username: str) -> bool:
    """Say whether somebody may be called so; what is no name need not be looked up."""
    return SHAPE.fullmatch(username) is not None


def check_username(username: str) -> str:
    """Return a new user's name as it is kept; raise InvalidError."""
    name = folded(username)
    if not is_name(name):
        hint = f"up to {LONGEST} letters a to z, digits and . _ - + @, a letter or digit first"
        raise InvalidError("this is no name for a user", where="username", hint=hint)
    if name in WORKSPACE:
        raise InvalidError(f"{name} is what a workspace calls its own user", where="username")
    return name


def candidates(username: str) -> Iterator[str]:
    """Yield names for somebody who would like to be called so: as it is, numbered, then with chance in it."""
    plain = unicodedata.normalize("NFKD", username).casefold().encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9._@+-]+", "-", plain).strip("._@+-")[: LONGEST - 9] or "user"
    if base not in WORKSPACE:
        yield base
    for number in range(2, TRIES):
        yield f"{base}-{number}"
    yield f"{base}-{token_hex(4)}"


def fitted(provider: str, sub: str) -> bool:
    """Say whether an identity can be kept whole."""
    return 0 < len(provider) <= LONGEST_PROVIDER and 0 < len(sub) <= LONGEST_SUB and sub.isprintable()


def check_shown(text: str, where: str) -> str:
    """Return the name of something on pages, without blanks around it; raise InvalidError."""
    name = text.strip()
    if not 0 < len(name) <= LONGEST_SHOWN or any(unicodedata.category(letter) in UNSHOWN for letter in name):
        raise InvalidError(f"a name has 1 to {LONGEST_SHOWN} characters, all on one line", where=where)
    return name


def is_email(text: str) -> bool:
    """Say whether this may be an e-mail address; nobody is known by it."""
    return "@" in text and len(text) <= LONGEST_EMAIL and text.isprintable() and " " not in text


def as_shown(text: str | None) -> str | None:
    """Return what of somebody else's name for a user can be shown; None where nothing can."""
    letters = (letter for letter in text or "" if unicodedata.category(letter) not in UNSHOWN)
    return "".join(letters).strip()[:LONGEST_SHOWN].strip() or None


def is_workspace(user: User) -> bool:
    """Say whether a user is a workspace's own, whom its first start has made."""
    return user.identity_provider == LOCAL and user.identity_sub in WORKSPACE
