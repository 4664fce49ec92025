"""Upgrades of the document's schema, one step for each version, which run when a document is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from livermore.kernel.errors import NewerFormatError
from livermore.settings.diff import differences
from livermore.settings.document import NEWEST_VERSION, SettingsDocument
from livermore.settings.path import dotted
from livermore.settings.problems import Problem, SettingsProblemsError, validated


def read_settings(stored: Mapping[str, Any]) -> SettingsDocument:
    """Read a document of any version: upgraded, checked for form, defaults filled in.

    Errors: SettingsProblemsError naming each path that does not fit, NewerFormatError.
    """
    return validated(upgraded(stored))


def upgraded(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document in the newest version; one without a version is of version 1."""
    if not isinstance(stored, Mapping):
        raise SettingsProblemsError([Problem(path="", message="must be an object: names with values")])
    document = dict(stored)
    version = version_of(document)
    if version > NEWEST_VERSION:
        raise NewerFormatError(
            f"these settings are of version {version}, and this Livermore knows {NEWEST_VERSION}",
            hint="update Livermore, or import settings of an older version",
        )
    for step in STEPS[version - 1 :]:
        document = step(document)
    return document


class UpgradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an upgrade makes of a document: the versions, and the settings that it did not have."""

    version: int
    newest: int
    added: tuple[str, ...]


def upgrade_report(stored: Mapping[str, Any]) -> UpgradeReport:
    """Tell what reading a document adds to it. Errors: those of `read_settings`."""
    document = read_settings(stored).plain()
    added = [dotted(one.path) for one in differences(dict(stored), document) if one.op == "add"]
    return UpgradeReport(
        version=version_of(stored),
        newest=NEWEST_VERSION,
        added=tuple(path for path in added if path != "version"),
    )


def version_of(document: Mapping[str, Any]) -> int:
    """Return the schema version that a document is of; without one it is of version 1."""
    version = document.get("version", 1)
    if type(version) is not int or version < 1:
        raise SettingsProblemsError([Problem(path="version", message="must be a positive whole number")])
    return version


def _to_2(document: dict[str, Any]) -> dict[str, Any]:
    """Version 2 adds settings, whose defaults the model fills in, and renames nothing."""
    return document | {"version": 2}


STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (_to_2,)
