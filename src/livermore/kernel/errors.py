"""Everything that can go wrong, sorted by what the caller should do.

LivermoreError
├── RefusedError            change the request
│   ├── InvalidError          a value does not fit            invalid_payload
│   │   └── SettingsInvalidError                              settings_invalid
│   ├── NotFoundError         no such thing                   not_found
│   ├── ConflictError         somebody else has it            conflict
│   ├── NotAllowedError       not with this role or login     not_allowed
│   └── NotImplementedYetError  planned, not there            not_implemented
├── TransientError          wait and try again
│   ├── ExchangeUnreachableError                              exchange_unreachable
│   ├── RateLimitedError      carries retry_after (seconds)   rate_limited
│   └── StorageUnavailableError                               internal
└── TerminalError           stop: trying again will not help
    ├── ExchangeRefusedError  the exchange will not serve us  exchange_unreachable
    │   └── BlockedError        not this country or address   exchange_unreachable
    ├── CorruptDataError      stored or received data is wrong  internal
    └── NewerFormatError      written by a newer version      internal
"""

from __future__ import annotations

from typing import ClassVar


class LivermoreError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    # Told over the network in place of the whole, where that describes this machine.
    abroad: str | None = None
    # The command that it was about, if one was written down.
    command_id: str | None = None

    def __init__(self, what: str | None = None, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what or type(self).__doc__ or ""
        self.where = where
        self.hint = hint
        super().__init__(self.what)

    def __str__(self) -> str:
        """Write what went wrong and where."""
        return f"{self.what} ({self.where})" if self.where else self.what


class RefusedError(LivermoreError):
    """The request cannot be met as it stands."""


class InvalidError(RefusedError):
    """A value does not fit."""

    code = "invalid_payload"


class SettingsInvalidError(InvalidError):
    """The settings do not fit."""

    code = "settings_invalid"


class NotFoundError(RefusedError):
    """There is no such thing."""

    code = "not_found"


class ConflictError(RefusedError):
    """Somebody else has it, or it has moved."""

    code = "conflict"


class NotAllowedError(RefusedError):
    """This login may not do that."""

    code = "not_allowed"


class NotImplementedYetError(RefusedError):
    """This is planned and not there yet."""

    code = "not_implemented"


class TransientError(LivermoreError):
    """It did not work this time."""


class ExchangeUnreachableError(TransientError):
    """The exchange did not answer as it should."""

    code = "exchange_unreachable"


class RateLimitedError(TransientError):
    """The exchange asks us to slow down."""

    code = "rate_limited"

    def __init__(
        self,
        what: str | None = None,
        *,
        where: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.retry_after = retry_after


class StorageUnavailableError(TransientError):
    """The database did not answer."""


class TerminalError(LivermoreError):
    """Trying again will not help."""


class ExchangeRefusedError(TerminalError):
    """The exchange will not serve us."""

    code = "exchange_unreachable"


class BlockedError(ExchangeRefusedError):
    """The exchange does not serve this country or address."""


class CorruptDataError(TerminalError):
    """Data is not what it must be."""


class NewerFormatError(TerminalError):
    """This was written by a newer version of Livermore."""
