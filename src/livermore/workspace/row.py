"""What is remembered of one folder: its name, when it was opened last, and how."""

from __future__ import annotations

from typing import Literal

import msgspec

Source = Literal["live", "demo", "replay"]


class HowOpened(msgspec.Struct, frozen=True, kw_only=True):
    """How a workspace was opened, so that it can be opened so again; `speed` None is as fast as it goes."""

    source: Source = "live"
    host: str = "127.0.0.1"
    port: int = 7070
    files: tuple[str, ...] = ()
    speed: float | None = None


class WorkspaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `workspaces`; `last_opened` is ms UTC."""

    project_dir: str
    name: str | None = None
    last_opened: int | None = None
    config: HowOpened | None = None
