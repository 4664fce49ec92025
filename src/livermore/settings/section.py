"""What every section of the document has in common: frozen, strict, and each setting says what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

ApplyClass = Literal["hot", "warm", "restart"]


class Section(BaseModel):
    """Refuse unknown keys and values of another type; leave out what is absent when written."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
    may_be_absent: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Note which settings are left out while they have no value."""
        cls.may_be_absent = frozenset(
            name for name, field in fields_of(cls).items() if extra_of(field).get("absent")
        )

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: value
            for name, value in write(self).items()
            if value is not None or name not in self.may_be_absent
        }


def setting(
    default: Any,
    help: str,  # noqa: A002 - the word on the wire
    apply: ApplyClass,
    effect: str | None = None,
) -> Any:
    """Declare a setting: default, meaning, when a change takes effect and, if `warm`, by doing what."""
    if isinstance(default, type):
        return Field(default_factory=default, json_schema_extra=extra(help, apply, effect))
    return Field(default=default, json_schema_extra=extra(help, apply, effect))


def absent(
    help: str,  # noqa: A002 - the word on the wire
    apply: ApplyClass,
    effect: str | None = None,
) -> Any:
    """Declare a setting that is not in the document until it is given; null means the same."""
    return Field(default=None, json_schema_extra=extra(help, apply, effect) | {"absent": True})


def extra(help_text: str, apply: ApplyClass, effect: str | None = None) -> JsonDict:
    """Return what a setting says of itself, as its JSON Schema and the reference page show it."""
    said: JsonDict = {"description": help_text, "help": help_text, "apply": apply}
    return said | {"effect": effect} if effect else said


def fields_of(section: type[Section]) -> dict[str, FieldInfo]:
    """Return a section's fields by their names on the wire."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """Return what a field says of itself beyond its type."""
    said = field.json_schema_extra
    return said if isinstance(said, dict) else {}


def holds_many(annotation: Any) -> bool:
    """Say whether a field's type is a list or a mapping, whose entries stand one step further down."""
    return get_origin(annotation) in (tuple, Mapping)


def section_in(annotation: Any) -> type[Section] | None:
    """Return the section that a field's type holds, inside a list or a mapping or by itself."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_in, get_args(annotation))), None)
