"""What came of it: how often each caller asked for what, what was refused, and every leak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from livermore.bootstrap.canaries import Canary
from livermore.kernel.role import Role

NOBODY = "nobody"
Kind = Literal["leak", "role", "fault", "hollow"]


class Caller(NamedTuple):
    """Who asks: a canary, or nobody."""

    canary: Canary | None

    @property
    def tenant(self) -> str:
        """Return the tenant's name."""
        return NOBODY if self.canary is None else self.canary.tenant

    @property
    def role(self) -> Role | None:
        """Return the role; nobody has none."""
        return None if self.canary is None else self.canary.role


class Row(msgspec.Struct, kw_only=True):
    """How often one caller asked for one kind of thing; `own` counts answers with something of its own."""

    what: str
    tenant: str
    role: str | None
    asked: int = 0
    refused: int = 0
    own: int = 0
    leaks: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should not be.

    `leak`: another's was seen or changed; `role`: somebody was let in whose role is too low; `fault`: the
    server failed; `hollow`: so little was seen that the proof proves nothing.
    """

    kind: Kind
    what: str
    where: str
    tenant: str
    role: str | None
    detail: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    ok: bool
    database: str
    login: str | None
    surfaces: dict[str, list[str]]
    rows: list[Row]
    findings: list[Finding]


class Notebook:
    """Write down what was asked and what came of it."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._rows: dict[tuple[str, Caller], Row] = {}
        self._surfaces: dict[str, dict[str, None]] = {}

    def asked(
        self,
        what: str,
        where: str,
        caller: Caller,
        *,
        refused: bool,
        own: bool = False,
        leaks: Iterable[str] = (),
    ) -> None:
        """Count one question, and keep each leak in its answer."""
        self._surfaces.setdefault(what, {})[where] = None
        row = self._row(what, caller)
        row.asked += 1
        row.refused += refused
        row.own += own
        for detail in leaks:
            self.found("leak", what, where, caller, detail)

    def found(self, kind: Kind, what: str, where: str, caller: Caller, detail: str) -> None:
        """Keep something that should not be, once."""
        finding = Finding(
            kind=kind, what=what, where=where, tenant=caller.tenant, role=caller.role, detail=detail
        )  # fmt: skip
        if finding not in self.findings:
            self.findings.append(finding)
            self._row(what, caller).leaks += kind == "leak"

    def own(self, what: str, caller: Caller) -> int:
        """Return how many answers to a caller held something of its own."""
        row = self._rows.get((what, caller))
        return row.own if row else 0

    def proof(self, *, database: str, login: str | None) -> Proof:
        """Sum it up."""
        rows = list(self._rows.values())
        surfaces = {what: list(asked) for what, asked in self._surfaces.items()}
        return Proof(
            ok=not self.findings, database=database, login=login, surfaces=surfaces, rows=rows,
            findings=self.findings,
        )  # fmt: skip

    def _row(self, what: str, caller: Caller) -> Row:
        return self._rows.setdefault((what, caller), Row(what=what, tenant=caller.tenant, role=caller.role))
