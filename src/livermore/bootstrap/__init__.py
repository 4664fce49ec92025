"""The plan: reads what was asked for, chooses adapters, and joins rooms into one system."""

from livermore.bootstrap.accounts import accounts
from livermore.bootstrap.exchanges import preset_of
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.replaying import ReplayPlan, ReplayReport, replay
from livermore.bootstrap.storage import StoredDatabase, database, read_only
from livermore.bootstrap.system import System, build
from livermore.bootstrap.workspace import preferences
from livermore.bootstrap.world import simulated
from livermore.bootstrap.writing import writable

__all__ = [
    "Plan",
    "ReplayPlan",
    "ReplayReport",
    "StoredDatabase",
    "System",
    "accounts",
    "build",
    "database",
    "preferences",
    "preset_of",
    "read_only",
    "replay",
    "simulated",
    "writable",
]
