"""The JSON Schema of the document, with the help and the apply class of every setting."""

from __future__ import annotations

from functools import cache
from typing import Any

from livermore.settings.document import SettingsDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def json_schema() -> dict[str, Any]:
    """Return the schema that editors and programs may check a document against."""
    return {"$schema": DIALECT, **SettingsDocument.model_json_schema()}
