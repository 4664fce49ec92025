"""Since when a listed market is in its state, and in which it was before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exchange_symbols", sa.Column("state_since", sa.BigInteger()))
    op.add_column("exchange_symbols", sa.Column("state_before", sa.String(10)))
