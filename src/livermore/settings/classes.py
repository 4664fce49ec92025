"""When a change at a place of the document takes effect."""

from __future__ import annotations

from livermore.settings.document import SettingsDocument
from livermore.settings.path import Path
from livermore.settings.section import ApplyClass, Section, extra_of, fields_of, holds_many, section_in


def apply_class_of(path: Path) -> ApplyClass:
    """Return the apply class of the setting at a path, or of the one that the path leads into."""
    section: type[Section] | None = SettingsDocument
    found: ApplyClass = "hot"
    steps = iter(path)
    for step in steps:
        field = None if section is None else fields_of(section).get(str(step))
        if field is None:
            break
        found = extra_of(field)["apply"]
        section = section_in(field.annotation)
        if holds_many(field.annotation):
            next(steps, None)
    return found
