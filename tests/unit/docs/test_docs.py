"""The documentation: generated pages are fresh, links lead somewhere, every decision is listed."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from docs.generate import filled, pages, registry
from livermore.apps.cli.outcomes import ERROR_OF_CODE

ROOT = Path(__file__).parents[3]
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^]]*\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_generated_page_is_what_the_code_says(path: Path) -> None:
    assert path.read_text("utf-8") == pages()[path], "run: make docs"


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(ROOT)))
def test_every_link_leads_somewhere(text: Path) -> None:
    broken = [link for link in LINK.findall(text.read_text("utf-8")) if not (text.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("folder", ["decisions", "how-to", "concepts"])
def test_every_page_of_a_folder_is_listed(folder: str) -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    pages_there = sorted((ROOT / "docs" / folder).glob("*.md"))
    assert pages_there
    assert [path.name for path in pages_there if f"({folder}/{path.name})" not in index] == []


def test_every_command_and_every_error_code_is_told() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for name, entry in registry().entries.items():
        section = page.split(f"## `{name}`\n")[1].split("\n## ")[0]
        assert f"Priority {entry.priority} · role {entry.role}" in section
        for field in msgspec.structs.fields(entry.payload):
            assert f"| `{field.encode_name}` | " in section
    for code in ERROR_OF_CODE:
        assert f"| `{code}` | " in page


def test_a_generated_part_replaces_what_stood_there() -> None:
    text = "before\n<!-- generated: part -->\nold\n<!-- end of part -->\nbehind"
    once = filled(text, {"part": "new\n"})
    assert once == "before\n<!-- generated: part -->\n\nnew\n\n<!-- end of part -->\nbehind"
    assert filled(once, {"part": "new\n"}) == once
    with pytest.raises(ValueError, match="no place"):
        filled(text, {"other": "new\n"})
