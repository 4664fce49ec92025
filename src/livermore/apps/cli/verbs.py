"""Every verb of the command line, in the order of the help; a verb's module is imported when it is called."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A verb, its line in the help, and where its Typer app is found (`module:attribute`)."""

    name: str
    help: str
    where: str


VERBS = (
    Verb("up", "Start everything here: watch markets, serve the pages, print alerts.", "up:app"),
    Verb("status", "Show what the running Livermore is doing.", "status:app"),
    Verb("pause", "Rest from everything, or from sending alerts.", "control:pause_app"),
    Verb("resume", "End a pause: repair what was missed, then go live.", "control:resume_app"),
    Verb("reload", "Read the stored settings again and bring them about.", "control:reload_app"),
    Verb("mode", "Switch to another mode.", "control:mode_app"),
    Verb("backfill", "Hold a symbol's candles against the exchange.", "upkeep:backfill_app"),
    Verb("clear-cache", "Drop what is held of the market, and take it again.", "upkeep:clear_app"),
    Verb("commands", "List what was asked and what became of it, or prove that list.", "commands:app"),
    Verb("signals", "List signals, or explain why one fired.", "signals:app"),
    Verb("alerts", "List alerts and how their delivery went.", "signals:alerts_app"),
    Verb("candles", "Show candles of one series, or export all that are stored.", "candles:app"),
    Verb("symbols", "Show the watchlist, search, add, remove, import, and scan.", "symbols:app"),
    Verb("coverage", "Show how fresh every series is, or what one of them lacks and why.", "coverage:app"),
    Verb("settings", "Show, change, plan, compare and take back settings.", "settings:app"),
    Verb("exchanges", "List the exchanges, add one, or change where it is reached.", "exchanges:app"),
    Verb("accounts", "List keys at exchanges, name one, check it, or forget it.", "exchange_accounts:app"),
    Verb("user", "List users, let somebody in, set a password or change a role.", "users:app"),
    Verb("token", "List tokens, create one for a program, or revoke one.", "tokens:app"),
    Verb(
        "replay", "Run the rules over recorded candles or trades, as fast as the machine can.", "replay:app"
    ),
    Verb("simulate", "Run the simulated exchange alone, for trying things out.", "simulate:app"),
    Verb("doctor", "Check this machine, this folder and, if asked, the network.", "doctor:app"),
    Verb("db", "Upgrade, check or back up the database.", "database:app"),
    Verb("preferences", "Keep what is chosen about the looks of things.", "preferences:app"),
    Verb("workspace", "Show this folder, list those that were opened, or open one.", "workspaces:app"),
    Verb("version", "Show the version.", "version:app"),
)
