"""The reference page is what the program says of itself."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute

from livermore.apps.api.reference import reference

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "api.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), (
        "write it with: python -m livermore.apps.api.reference > docs/reference/api.md"
    )


def test_every_route_has_a_heading_and_every_parameter_a_row(api: FastAPI) -> None:
    page = PAGE.read_text()
    for route in api.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            method = next(iter(route.methods or ()))
            section = page.split(f"### `{method} {route.path_format}`\n")[1].split("\n### ")[0]
            for body in route.dependant.body_params:
                for name, part in body.field_info.annotation.model_fields.items():  # type: ignore[union-attr]
                    assert f"| `{part.alias or name}` | " in section
            for field in route.dependant.path_params:
                assert f"| `{field.alias}` | path |" in section
            for query in route.dependant.query_params:
                for name, parameter in query.field_info.annotation.model_fields.items():  # type: ignore[union-attr]
                    assert f"| `{parameter.alias or name}` | query |" in section
