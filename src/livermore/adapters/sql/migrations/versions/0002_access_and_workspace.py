"""Exchange accounts, tokens, sessions, wrong guesses, preferences and workspaces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _exchange_accounts()
    _logins()
    _workspace()


def _created(name: str = "created_at") -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), server_default=sa.func.now(), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=f"{table}_user_id_users_id_fk", ondelete="CASCADE"
    )


def _exchange_accounts() -> None:
    op.create_table(
        "user_exchanges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("exchange_name", sa.String(50), nullable=False),
        sa.Column("exchange_id", sa.Integer()),
        sa.Column("display_name", sa.String(100)),
        sa.Column("api_key", sa.String(500), nullable=False),
        sa.Column("api_secret", sa.Text(), nullable=False),
        sa.Column("additional_credentials", sa.Text()),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_connected_at", sa.DateTime()),
        _created(),
        _created("updated_at"),
        _owner("user_exchanges"),
        sa.ForeignKeyConstraint(
            ["exchange_id"], ["exchanges.id"], name="user_exchanges_exchange_id_exchanges_id_fk",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="user_exchanges_pk"),
    )  # fmt: skip
    op.create_index("user_exchanges_exchange_id_idx", "user_exchanges", ["exchange_id"])


def _logins() -> None:
    op.create_index("users_identity_sub_idx", "users", ["identity_sub"], unique=True)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("last_used_at", sa.DateTime()),
        sa.Column("revoked_at", sa.DateTime()),
        _created(),
        _owner("api_tokens"),
        sa.PrimaryKeyConstraint("id", name="api_tokens_pk"),
        sa.UniqueConstraint("hash", name="api_tokens_hash_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index("api_tokens_user_id_idx", "api_tokens", ["user_id"])
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        _created(),
        _owner("sessions"),
        sa.PrimaryKeyConstraint("hash", name="sessions_pk"),
    )
    op.create_index("sessions_user_id_idx", "sessions", ["user_id"])
    op.create_index("sessions_expires_at_idx", "sessions", ["expires_at"])
    op.create_table(
        "login_attempts",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("refused_until", sa.DateTime(), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="login_attempts_pk"),
    )
    op.create_index("login_attempts_forgotten_at_idx", "login_attempts", ["forgotten_at"])
    op.create_table(
        "identity_logins",
        sa.Column("state_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("back_to", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="identity_logins_pk"),
    )
    op.create_index("identity_logins_expires_at_idx", "identity_logins", ["expires_at"])


def _workspace() -> None:
    op.create_table(
        "app_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        _created("updated_at"),
        _owner("app_settings"),
        sa.PrimaryKeyConstraint("id", name="app_settings_pk"),
        sa.UniqueConstraint("user_id", "key", name="app_settings_user_id_key_unique"),
        sqlite_autoincrement=True,
    )
    installation = sa.text("user_id IS NULL")
    op.create_index(
        "app_settings_installation_key_idx", "app_settings", ["key"], unique=True,
        sqlite_where=installation, postgresql_where=installation,
    )  # fmt: skip
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_dir", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("last_opened", sa.DateTime()),
        sa.Column("config", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="workspaces_pk"),
        sa.UniqueConstraint("project_dir", name="workspaces_project_dir_unique"),
        sqlite_autoincrement=True,
    )
