"""Users with their settings, exchanges, candles, signals, alerts and runtimes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _accounts()
    _market()
    _signals()


def _accounts() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(50), nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("identity_provider", sa.String(20), nullable=False),
        sa.Column("identity_sub", sa.String(255), nullable=False),
        sa.Column("display_name", sa.String(100)),
        sa.Column("role", sa.String(20), server_default="operator", nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("last_login_at", sa.DateTime()),
        sa.Column("settings", DOCUMENT, server_default='{"version":1}', nullable=False),
        sa.Column("settings_revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("runtime_mode", sa.String(30)),
        sa.Column("is_paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pk"),
        sa.UniqueConstraint("email", name="users_email_unique"),
        sa.UniqueConstraint(
            "identity_provider", "identity_sub", name="users_identity_provider_identity_sub_unique"
        ),
        sa.UniqueConstraint("username", name="users_username_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index("users_is_paused_idx", "users", ["is_paused"])
    op.create_index("users_runtime_mode_idx", "users", ["runtime_mode"])
    op.create_table(
        "settings_revisions",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("diff", DOCUMENT, nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="settings_revisions_user_id_users_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "revision", name="settings_revisions_pk"),
    )
    op.create_table(
        "runtimes",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("desired_state", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("mode", sa.String(30), nullable=False),
        sa.Column("pause_level", sa.String(10)),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("pause_until", sa.String(40)),
        sa.Column("pause_by", sa.String(255)),
        sa.Column("settings_applied", sa.Integer()),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="runtimes_user_id_users_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name="runtimes_pk"),
    )


def _market() -> None:
    op.create_table(
        "exchanges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("ws_url", sa.String(255)),
        sa.Column("rest_url", sa.String(255)),
        sa.Column("supported_timeframes", DOCUMENT, server_default="[]", nullable=False),
        sa.Column("api_limits", DOCUMENT),
        sa.Column("fee_schedule", DOCUMENT),
        sa.Column("geo_restrictions", DOCUMENT),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="exchanges_pk"),
        sa.UniqueConstraint("name", name="exchanges_name_unique"),
    )
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exchange", sa.String(50), nullable=False),
        sa.Column("symbol", sa.String(50), nullable=False),
        sa.Column("timeframe", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("id", name="series_pk"),
        sa.UniqueConstraint(
            "exchange", "symbol", "timeframe", name="series_exchange_symbol_timeframe_unique"
        ),
    )
    op.create_table(
        "candles",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "time", name="candles_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "candle_coverage",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("from_time", sa.BigInteger(), nullable=False),
        sa.Column("to_time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("cause", sa.String(20)),
        sa.Column("repaired_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="candle_coverage_series_id_series_id_fk"),
        sa.PrimaryKeyConstraint("series_id", "from_time", name="candle_coverage_pk"),
    )
    op.create_table(
        "indicator_checkpoints",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name="indicator_checkpoints_series_id_series_id_fk"
        ),
        sa.PrimaryKeyConstraint("series_id", "time", name="indicator_checkpoints_pk"),
    )


def _signals() -> None:
    op.create_table(
        "signals",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("exchange", sa.String(50), nullable=False),
        sa.Column("symbol", sa.String(50), nullable=False),
        sa.Column("timeframe", sa.String(3), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("level", sa.Integer()),
        sa.Column("direction", sa.String(4), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Double(), nullable=False),
        sa.Column("macdv", sa.Double(), nullable=False),
        sa.Column("signal", sa.Double()),
        sa.Column("histogram", sa.Double()),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("bias", sa.String(10), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("low_confidence", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", sa.String(40)),
        sa.Column("settings_revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.String(40), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("close_time", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="signals_user_id_users_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="signals_pk"),
    )
    op.create_index("signals_user_id_close_time_idx", "signals", ["user_id", "close_time"])
    op.create_table(
        "signal_state",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("evaluated_to", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("earlier", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="signal_state_series_id_series_id_fk"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="signal_state_user_id_users_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "series_id", name="signal_state_pk"),
    )
    op.create_table(
        "alerts",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("signal_id", sa.String(64)),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("channel", sa.String(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("sent_at", sa.String(40)),
        sa.Column("error", sa.Text()),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="alerts_user_id_users_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="alerts_pk"),
    )
    op.create_index("alerts_user_id_created_at_idx", "alerts", ["user_id", "created_at"])
    op.create_index("alerts_user_id_state_next_attempt_idx", "alerts", ["user_id", "state", "next_attempt"])
