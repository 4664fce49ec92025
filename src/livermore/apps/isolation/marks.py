"""Whose marks stand in an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from livermore.apps.isolation.proof import Caller
from livermore.bootstrap.canaries import Canary

WHERE_ADMINS_SEE_NAMES = "/api/v1/users"


class Said:
    """A question as it was put, and all that was answered; neither minds capitals."""

    def __init__(self, question: str, answer: str) -> None:
        self.question = question.lower()
        self._answer = answer.lower()

    def shows(self, word: str) -> bool:
        """Say whether a word was answered that was not in the question."""
        return word.lower() in self._answer and word.lower() not in self.question


def foreign(caller: Caller, canaries: Sequence[Canary]) -> list[Canary]:
    """Return everybody else."""
    return [canary for canary in canaries if canary is not caller.canary]


def leaks_in(said: Said, caller: Caller, canaries: Iterable[Canary]) -> Iterator[str]:
    """Yield what an answer tells of others: of their things, and of their names where it may not."""
    for other in canaries:
        if other is caller.canary:
            continue
        if said.shows(other.mark) or said.shows(other.handle):
            yield f"shows what is {other.label}'s"
        if said.shows(other.name) and not _may_see_names(said, caller):
            yield f"names {other.label}"


def shows_own(said: Said, caller: Caller) -> bool:
    """Say whether an answer holds something of the caller's own."""
    return caller.canary is not None and said.shows(caller.canary.mark)


def _may_see_names(said: Said, caller: Caller) -> bool:
    return caller.role == "admin" and WHERE_ADMINS_SEE_NAMES in said.question
