"""Commands, what happened to them, and who runs whose runtime."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("status IN ('accepted', 'acknowledged', 'running')")
UNCHAINED = sa.text("place IS NULL")
WHOSE = "(SELECT current_setting('livermore.user_id', true))"


def upgrade() -> None:
    _commands()
    _events()
    _chains()
    op.add_column("runtimes", sa.Column("runner", sa.String(64)))
    op.add_column("runtimes", sa.Column("leased_until", sa.BigInteger()))
    if op.get_bind().dialect.name == "postgresql":
        for table in ("commands", "command_events", "command_chains"):
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY own_rows ON {table} USING ({WHOSE} IN ('*', user_id::text))")


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=f"{table}_user_id_users_id_fk", ondelete="CASCADE"
    )


def _commands() -> None:
    op.create_table(
        "commands",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("identity_sub", sa.String(255), nullable=False),
        sa.Column("correlation_id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(15), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("runner", sa.String(64)),
        sa.Column("progress", sa.JSON()),
        sa.Column("result", sa.Text()),
        sa.Column("error_code", sa.String(30)),
        sa.Column("error_detail", sa.Text()),
        _owner("commands"),
        sa.PrimaryKeyConstraint("number", name="commands_pk"),
        sa.UniqueConstraint(
            "identity_sub", "correlation_id", name="commands_identity_sub_correlation_id_unique"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("commands_user_id_number_idx", "commands", ["user_id", "number"])
    op.create_index("commands_open_idx", "commands", ["status"], sqlite_where=OPEN, postgresql_where=OPEN)


def _events() -> None:
    op.create_table(
        "command_events",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("correlation_id", sa.String(36), nullable=False),
        sa.Column("event", sa.String(15), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("place", sa.BigInteger()),
        sa.Column("hash", sa.LargeBinary(32)),
        _owner("command_events"),
        sa.PrimaryKeyConstraint("number", name="command_events_pk"),
        sa.UniqueConstraint("user_id", "place", name="command_events_user_id_place_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "command_events_unchained_idx", "command_events", ["user_id", "number"],
        sqlite_where=UNCHAINED, postgresql_where=UNCHAINED,
    )  # fmt: skip


def _chains() -> None:
    op.create_table(
        "command_chains",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("anchor_place", sa.BigInteger(), nullable=False),
        sa.Column("anchor_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("head_place", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("updated_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        _owner("command_chains"),
        sa.PrimaryKeyConstraint("user_id", name="command_chains_pk"),
    )
