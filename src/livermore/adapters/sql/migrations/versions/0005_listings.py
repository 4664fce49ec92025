"""What each exchange lists."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_symbols",
        sa.Column("exchange", sa.String(50), nullable=False),
        sa.Column("symbol", sa.String(50), nullable=False),
        sa.Column("base", sa.String(50), nullable=False),
        sa.Column("quote", sa.String(50), nullable=False),
        sa.Column("trading", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(50), nullable=False),
        sa.Column("alias", sa.String(50), nullable=False),
        sa.Column("price_step", sa.Double()),
        sa.Column("amount_step", sa.Double()),
        sa.Column("minimum_value", sa.Double()),
        sa.Column("opened_at", sa.BigInteger()),
        sa.Column("price", sa.Double()),
        sa.Column("change_24h_percent", sa.Double()),
        sa.Column("quote_volume_24h", sa.Double()),
        sa.Column("rank", sa.Integer()),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("delisted_at", sa.BigInteger()),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("exchange", "symbol", name="exchange_symbols_pk"),
        sqlite_with_rowid=False,
    )
