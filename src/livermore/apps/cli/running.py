"""Everything in one process, from the lock of the workspace to the last thing stopped."""

from __future__ import annotations

import asyncio
import os
import webbrowser
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from livermore.apps.cli.network import address_of, check_guarded, listen, needs_guard, unguarded
from livermore.apps.cli.output import note
from livermore.apps.cli.waiting import asked_to_stop
from livermore.kernel.ids import new_secret
from livermore.workspace.folder import ServerNote, Workspace
from livermore.workspace.lock import WorkspaceLock
from livermore.workspace.row import HowOpened

if TYPE_CHECKING:
    from livermore.apps.access.guard import Opening
    from livermore.bootstrap import Plan, System
    from livermore.runtime.status import RuntimeStatus
    from livermore.settings.document import SettingsDocument

SHOWN = 10


class Door(NamedTuple):
    """Where to serve, and whether to open the page."""

    host: str
    port: int
    opens: bool


def run(plan: Plan, door: Door) -> None:
    """Run until Ctrl-C or SIGTERM; raise ConflictError when the workspace or the port is taken."""
    workspace = Workspace(plan.workspace)
    if needs_guard(door.host) and plan.database_url is None and not workspace.home.exists():
        raise unguarded(door.host)  # nobody has a password before the first start
    workspace.prepare()
    with WorkspaceLock(workspace):
        # Before anything is started: a taken port should not cost a minute of loading.
        listen(door.host, door.port).close()
        asyncio.run(_until_asked(plan, door, workspace))


async def _until_asked(plan: Plan, door: Door, workspace: Workspace) -> None:
    with asked_to_stop() as asked:
        work = asyncio.create_task(_work(plan, door, workspace))
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            work.cancel()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def _work(plan: Plan, door: Door, workspace: Workspace) -> None:
    from livermore.apps.access.doorway import doorway_of
    from livermore.apps.web import serve

    opened = _opened()
    doorway = doorway_of(os.environ, host=door.host, port=door.port)
    async with _system(plan, door.host) as system:
        await system.workspaces.opened(workspace, _how(plan, door))
        print(await _watched(plan, system), flush=True)
        await _warn_of_the_unheard(plan, system)
        end = asyncio.create_task(_tell_the_end(system))
        try:
            await serve(system, doorway=doorway, opening=opened, ready=_teller(workspace, door, opened))
        finally:
            end.cancel()
            workspace.remove_server()


def _how(plan: Plan, door: Door) -> HowOpened:
    """Return what `workspace open` needs to start this again."""
    files = tuple(str(file.absolute()) for file in plan.files)
    return HowOpened(source=plan.source, host=door.host, port=door.port, files=files, speed=plan.speed)


def _opened() -> Opening:
    """Draw what opens this run: a key for the other verbs, a link for its user, and a key that is given."""
    from livermore.apps.access.guard import Opening
    from livermore.apps.access.provider import provider_of

    given = os.environ.get("LIVERMORE_TOKEN")
    return Opening(
        keys=(new_secret(), *([given] if given else [])), link=new_secret(), provider=provider_of(os.environ)
    )


@asynccontextmanager
async def _system(plan: Plan, host: str) -> AsyncIterator[System]:
    from livermore import bootstrap
    from livermore.kernel.log import set_up_logging

    set_up_logging("error", _log_form())
    system = await bootstrap.build(plan)
    try:
        await check_guarded(host, system.accounts)
        document = (await system.settings.current(system.user.scope())).document
        set_up_logging(document.livermore_runtime.logging.verbosity_level, _log_form())
        await system.start()
        yield system
    finally:
        await system.stop()


def _log_form() -> Literal["console", "json"]:
    """Return what `LIVERMORE_LOG_FORMAT` asks for."""
    return "json" if os.environ.get("LIVERMORE_LOG_FORMAT") == "json" else "console"


def _teller(workspace: Workspace, door: Door, opened: Opening) -> Callable[[int], None]:
    """Return what tells the address, to the user and to other verbs, once the server listens."""

    def tell(port: int) -> None:
        url = address_of(door.host, port)
        workspace.write_server(ServerNote(url=url, token=opened.keys[0], pid=os.getpid()))
        page = f"{url}/?token={opened.link}"
        print(page, flush=True)
        if door.opens:
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, page)

    return tell


async def _tell_the_end(system: System) -> None:
    """Say when a recording is over, because from then on nothing moves."""
    await system.recording_ended()
    print("the recording is over; the pages stay open until Ctrl-C", flush=True)


async def _watched(plan: Plan, system: System) -> str:
    document = (await system.settings.current(system.user.scope())).document
    status = system.status()
    idle = idle_words(status)
    return idle or watched(document, {one.name for one in status.exchanges}, _market(plan))


def idle_words(status: RuntimeStatus) -> str | None:
    """Say in one line why nothing is watched; None when it is."""
    if status.state == "paused":
        why = status.pause.reason if status.pause is not None else None
        return f"paused{f' ({why})' if why else ''}: go on with livermore resume"
    if status.state == "stopped":
        return (
            "another process runs this user's runtime, or did until a moment ago; it is taken over when free"
        )
    return None


def watched(document: SettingsDocument, exchanges: Collection[str], market: str) -> str:
    """Say in one line what is watched, of a watchlist and the exchanges that are switched on."""
    from livermore.settings.service import watched_symbols

    if not document.symbols:
        primary = document.perseus_profile.primary_exchange
        return (
            f"watching nothing yet on {primary}: the watchlist is empty; go on, in another terminal, with"
            " livermore symbols scan, or livermore symbols add SYMBOL"
        )
    names = [f"{name}:{symbol}" for name, symbol in watched_symbols(document) if name in exchanges]
    if not names:
        return "watching nothing: all that is on the watchlist is switched off"
    shown = " ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"watching {market}: {shown} on {' '.join(document.timeframes)}"


async def _warn_of_the_unheard(plan: Plan, system: System) -> None:
    """Say which wishes came too late: they are for the first start, which writes the settings."""
    from livermore.settings.forms import qualify
    from livermore.settings.service import watched_symbols

    document = (await system.settings.current(system.user.scope())).document
    primary = document.perseus_profile.primary_exchange
    watched = watched_symbols(document)
    missed = [name for name in plan.symbols if qualify(name, primary) not in watched]
    shared = await system.listings.sharing(primary, missed) if primary and missed else {}
    late = [f"--symbol {name}" for name in missed if (primary, shared.get(name)) not in watched]
    if plan.exchange not in (None, primary):
        late.append(f"--exchange {plan.exchange}")
    if late:
        note(f"not heard, because this folder has its settings already: {' '.join(late)}")


def _market(plan: Plan) -> str:
    """Name the kind of market; nobody should take the simulated one for the real one."""
    if plan.source == "live":
        return "live"
    pace = "as fast as possible" if plan.speed is None else f"{plan.speed:g} times real time"
    return f"{'a simulated market' if plan.source == 'demo' else 'a recording'}, {pace}"
