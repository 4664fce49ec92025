"""SQLite and PostgreSQL: every room's books, and the tables they are kept in."""

from livermore.adapters.sql.accounts import SqlUserBook
from livermore.adapters.sql.attempts import SqlAttemptBook
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.journal import SqlJournal
from livermore.adapters.sql.login import Login, login_of
from livermore.adapters.sql.logins import SqlLoginBook
from livermore.adapters.sql.market import SqlCandleStore, SqlExchangeBook
from livermore.adapters.sql.migration import Condition, Migration, backup, check, migrate
from livermore.adapters.sql.runtime import SqlRuntimeBook
from livermore.adapters.sql.sessions import SqlSessionBook
from livermore.adapters.sql.settings import SqlSettingsStore
from livermore.adapters.sql.signals import SqlSignalWork
from livermore.adapters.sql.tokens import SqlTokenBook
from livermore.adapters.sql.trail import SqlTrail
from livermore.adapters.sql.workspace import SqlPreferenceBook, SqlWorkspaceBook

__all__ = [
    "Condition",
    "Database",
    "Login",
    "Migration",
    "SqlAttemptBook",
    "SqlCandleStore",
    "SqlExchangeBook",
    "SqlJournal",
    "SqlLoginBook",
    "SqlPreferenceBook",
    "SqlRuntimeBook",
    "SqlSessionBook",
    "SqlSettingsStore",
    "SqlSignalWork",
    "SqlTokenBook",
    "SqlTrail",
    "SqlUserBook",
    "SqlWorkspaceBook",
    "backup",
    "check",
    "login_of",
    "migrate",
]
