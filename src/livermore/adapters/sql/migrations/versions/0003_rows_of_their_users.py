"""On PostgreSQL, a transaction reaches the rows of the user that it names, and no others."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWNER_OF = {
    "users": "id",
    "settings_revisions": "user_id",
    "user_exchanges": "user_id",
    "api_tokens": "user_id",
    "sessions": "user_id",
    "signals": "user_id",
    "signal_state": "user_id",
    "alerts": "user_id",
    "runtimes": "user_id",
    "app_settings": "user_id",
}
# The inner SELECT lets PostgreSQL ask once for a statement, not once for a row.
WHOSE = "(SELECT current_setting('livermore.user_id', true))"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, owner in OWNER_OF.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # Without FORCE the owner of a table, who usually is the one that Livermore logs in as, is not held.
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({WHOSE} IN ('*', {owner}::text))")
    op.execute("CREATE POLICY of_the_installation ON app_settings FOR SELECT USING (user_id IS NULL)")
