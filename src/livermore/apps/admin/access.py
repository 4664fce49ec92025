"""The access page: who one is, one's password and tokens, and for admins everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import Client, ui

from livermore.apps.admin import frame, stated
from livermore.apps.admin.components import AccessSelf, AccessTokens, AccessUsers, StatusBar
from livermore.apps.admin.sockets import caller_of
from livermore.apps.api.account_shapes import me_shape
from livermore.kernel.role import covers

if TYPE_CHECKING:
    from livermore.bootstrap import System


def add_page(system: System) -> None:
    """Register the page."""

    @stated.page("/access", "viewer", title="Access")
    async def access(client: Client) -> None:
        """Build the page; its parts ask the API, so that they can do nothing that the API cannot."""
        caller = caller_of(client)
        await frame.head(system, caller.scope())
        me = me_shape(caller)
        StatusBar("Access", caller.user, facts=False)
        with ui.element("main").classes("access"):
            AccessSelf(me)
            with ui.element("div").classes("column"):
                AccessTokens(me)
                if covers(caller.role, "admin"):
                    AccessUsers(me)
