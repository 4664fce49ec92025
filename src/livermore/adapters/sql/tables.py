"""The tables: their names and shapes are part of the interface."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)

from livermore.adapters.sql.columns import Document, ExactJson, Moment

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_name)s_%(referred_table_name)s_%(referred_column_0_name)s_fk",
    }
)


def _created() -> Column[int]:
    return Column("created_at", Moment, nullable=False, server_default=func.now())


def _updated() -> Column[int]:
    return Column("updated_at", Moment, nullable=False, server_default=func.now())


def _user() -> Column[int]:
    return Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", String(50), nullable=False, unique=True),
    Column("email", String(255), unique=True),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("identity_provider", String(20), nullable=False),
    Column("identity_sub", String(255), nullable=False),
    Column("display_name", String(100)),
    Column("role", String(20), nullable=False, server_default="operator"),
    Column("password_hash", Text),
    Column("last_login_at", Moment),
    Column("settings", Document, nullable=False, server_default='{"version":1}'),
    Column("settings_revision", Integer, nullable=False, server_default=text("1")),
    Column("runtime_mode", String(30), index=True),
    Column("is_paused", Boolean, nullable=False, server_default=false(), index=True),
    _created(),
    _updated(),
    UniqueConstraint("identity_provider", "identity_sub"),
    # Channels and events name a user by the subject alone, whichever provider has vouched for it.
    Index(None, "identity_sub", unique=True),
    sqlite_autoincrement=True,  # a scope of a user who is gone must never fit another
)

settings_revisions = Table(
    "settings_revisions",
    metadata,
    _user(),
    Column("revision", Integer, nullable=False),
    Column("document", Document, nullable=False),
    Column("diff", Document, nullable=False),
    Column("author", String(255), nullable=False),
    Column("source", String(20), nullable=False),
    Column("reason", Text),
    _created(),
    PrimaryKeyConstraint("user_id", "revision"),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), nullable=False, unique=True),
    Column("display_name", String(100), nullable=False),
    Column("ws_url", String(255)),
    Column("rest_url", String(255)),
    Column("supported_timeframes", Document, nullable=False, server_default="[]"),
    Column("api_limits", Document),
    Column("fee_schedule", Document),
    Column("geo_restrictions", Document),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    _created(),
    _updated(),
)

# What a settings document says of its user's exchange accounts: names of environment variables, no values.
user_exchanges = Table(
    "user_exchanges",
    metadata,
    Column("id", Integer, primary_key=True),
    _user(),
    Column("exchange_name", String(50), nullable=False),
    Column("exchange_id", Integer, ForeignKey("exchanges.id", ondelete="SET NULL"), index=True),
    Column("display_name", String(100)),
    Column("api_key", String(500), nullable=False),
    Column("api_secret", Text, nullable=False),
    Column("additional_credentials", Text),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("is_default", Boolean, nullable=False, server_default=false()),
    Column("last_connected_at", Moment),
    _created(),
    _updated(),
)

# Of a token and of a session only the SHA-256 is kept: who reads this table cannot log in with it.
api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    _user(),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    _created(),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    _user(),
    Column("expires_at", Moment, nullable=False),
    _created(),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

# Wrong guesses at an account from an address; both are hashed, for they are what strangers typed.
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("refused_until", Moment, nullable=False),
    Column("forgotten_at", Moment, nullable=False, index=True),
)

# Logins under way at an identity provider: what must come back with the browser, by the SHA-256 of the state.
identity_logins = Table(
    "identity_logins",
    metadata,
    Column("state_hash", LargeBinary(32), primary_key=True),
    Column("verifier", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("back_to", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

# Preferences of a user; those without one are the installation's.
app_settings = Table(
    "app_settings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE")),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    _updated(),
    UniqueConstraint("user_id", "key"),
    Index(
        "app_settings_installation_key_idx", "key", unique=True,
        sqlite_where=text("user_id IS NULL"), postgresql_where=text("user_id IS NULL"),
    ),
    sqlite_autoincrement=True,
)  # fmt: skip

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_dir", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("last_opened", Moment),
    Column("config", Text),
    sqlite_autoincrement=True,
)

# What each exchange lists, those too that it lists no more; public, and replaced whole by every new listing.
exchange_symbols = Table(
    "exchange_symbols",
    metadata,
    Column("exchange", String(50), nullable=False),
    Column("symbol", String(50), nullable=False),
    Column("base", String(50), nullable=False),
    Column("quote", String(50), nullable=False),
    Column("trading", Boolean, nullable=False),
    Column("status", String(50), nullable=False),
    Column("alias", String(50), nullable=False),
    Column("price_step", Double),
    Column("amount_step", Double),
    Column("minimum_value", Double),
    Column("opened_at", BigInteger),
    Column("price", Double),
    Column("change_24h_percent", Double),
    Column("quote_volume_24h", Double),
    Column("rank", Integer),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("delisted_at", BigInteger),
    Column("state_since", BigInteger),
    Column("state_before", String(10)),
    Column("asked_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("exchange", "symbol"),
    sqlite_with_rowid=False,
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exchange", String(50), nullable=False),
    Column("symbol", String(50), nullable=False),
    Column("timeframe", String(3), nullable=False),
    UniqueConstraint("exchange", "symbol", "timeframe"),
)

# No foreign key to series: its rows are never deleted, and PostgreSQL would check each candle one by one.
candles = Table(
    "candles",
    metadata,
    Column("series_id", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("open", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("close", Double, nullable=False),
    Column("volume", Double, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("source", SmallInteger, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    PrimaryKeyConstraint("series_id", "time"),
    sqlite_with_rowid=False,
)

# Spans [from_time, to_time) that the source did not tell: each has a cause and, once repaired, a time.
candle_coverage = Table(
    "candle_coverage",
    metadata,
    Column("series_id", Integer, ForeignKey("series.id"), nullable=False),
    Column("from_time", BigInteger, nullable=False),
    Column("to_time", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("source", SmallInteger, nullable=False),
    Column("cause", String(20)),
    Column("repaired_at", Moment),
    PrimaryKeyConstraint("series_id", "from_time"),
)

indicator_checkpoints = Table(
    "indicator_checkpoints",
    metadata,
    Column("series_id", Integer, ForeignKey("series.id"), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("series_id", "time"),
)

# `close_time` and `length` (ms) are what signals are listed by.
signals = Table(
    "signals",
    metadata,
    _user(),
    Column("id", String(64), nullable=False),
    Column("exchange", String(50), nullable=False),
    Column("symbol", String(50), nullable=False),
    Column("timeframe", String(3), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("level", Integer),
    Column("direction", String(4), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("price", Double, nullable=False),
    Column("macdv", Double, nullable=False),
    Column("signal", Double),
    Column("histogram", Double),
    Column("stage", String(20), nullable=False),
    Column("bias", String(10), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("low_confidence", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("withdrawn_at", String(40)),
    Column("settings_revision", Integer, nullable=False),
    Column("recorded_at", String(40), nullable=False),
    Column("evidence", ExactJson, nullable=False),
    Column("close_time", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "id"),
    Index(None, "user_id", "close_time"),
)

signal_state = Table(
    "signal_state",
    metadata,
    _user(),
    Column("series_id", Integer, ForeignKey("series.id"), nullable=False),
    Column("evaluated_to", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("earlier", LargeBinary, nullable=False),
    PrimaryKeyConstraint("user_id", "series_id"),
)

alerts = Table(
    "alerts",
    metadata,
    _user(),
    Column("id", String(64), nullable=False),
    Column("signal_id", String(64)),
    Column("event", String(20), nullable=False),
    Column("channel", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("sent_at", String(40)),
    Column("error", Text),
    Column("payload", ExactJson, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "id"),
    Index(None, "user_id", "created_at"),
    Index(None, "user_id", "state", "next_attempt"),
)

runtimes = Table(
    "runtimes",
    metadata,
    Column(
        "user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("desired_state", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("mode", String(30), nullable=False),
    Column("pause_level", String(10)),
    Column("pause_reason", Text),
    Column("pause_until", String(40)),
    Column("pause_by", String(255)),
    Column("settings_applied", Integer),
    # Which process runs it, and until when (ms UTC) no other one may.
    Column("runner", String(64)),
    Column("leased_until", BigInteger),
    _updated(),
)


def _number() -> Column[int]:
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


# Where each command stands; its number is its place in arrival order, and times are ms UTC.
commands = Table(
    "commands",
    metadata,
    _number(),
    _user(),
    Column("identity_sub", String(255), nullable=False),
    Column("correlation_id", String(36), nullable=False),
    Column("type", String(40), nullable=False),
    Column("payload", ExactJson, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("status", String(15), nullable=False),
    Column("source", String(20), nullable=False),
    Column("author", String(255), nullable=False),
    Column("role", String(20), nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("runner", String(64)),
    Column("progress", ExactJson),
    Column("result", Text),  # JSON too, but SQLite would make a number of one that is nothing else
    Column("error_code", String(30)),
    Column("error_detail", Text),
    UniqueConstraint("identity_sub", "correlation_id"),
    Index(None, "user_id", "number"),
    Index(
        "commands_open_idx", "status",
        sqlite_where=text("status IN ('accepted', 'acknowledged', 'running')"),
        postgresql_where=text("status IN ('accepted', 'acknowledged', 'running')"),
    ),
    sqlite_autoincrement=True,
)  # fmt: skip

# What happened to commands, only ever added to; `place` and `hash` chain a user's events, a moment later.
command_events = Table(
    "command_events",
    metadata,
    _number(),
    _user(),
    Column("correlation_id", String(36), nullable=False),
    Column("event", String(15), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", ExactJson, nullable=False),
    Column("place", BigInteger),
    Column("hash", LargeBinary(32)),
    UniqueConstraint("user_id", "place"),
    Index(
        "command_events_unchained_idx", "user_id", "number",
        sqlite_where=text("place IS NULL"), postgresql_where=text("place IS NULL"),
    ),
    sqlite_autoincrement=True,
)  # fmt: skip

# Where the chain of a user begins, behind what retention has taken away, and where it ends.
command_chains = Table(
    "command_chains",
    metadata,
    Column(
        "user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("anchor_place", BigInteger, nullable=False),
    Column("anchor_hash", LargeBinary(32), nullable=False),
    Column("head_place", BigInteger, nullable=False),
    Column("head_hash", LargeBinary(32), nullable=False),
    _updated(),
)
