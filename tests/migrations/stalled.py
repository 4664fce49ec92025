"""Migrate a database by one revision more than there is, and stall in the middle of it: to be killed there.

`python -m tests.migrations.stalled URL FOLDER` writes the file FOLDER/midway when it has got so far.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from livermore.adapters.sql import migrate, migration

SCRIPTS = Path(migration.__file__).parent / "migrations" / "versions"
HEAD = max(file.name.split("_")[0] for file in SCRIPTS.glob("[0-9]*.py"))
SCRIPT = """
import time
from pathlib import Path
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
def upgrade():
    op.add_column("workspaces", sa.Column("note", sa.Text()))
    op.execute("UPDATE app_settings SET value = 'half migrated'")
    op.execute("UPDATE alembic_version SET version_num = '9999'")
    Path({midway!r}).touch()
    time.sleep(600)
"""


def stall(url: str, folder: Path) -> None:
    """Begin the migration; this does not return."""
    scripts = folder / "later"
    scripts.mkdir()
    (scripts / "9999_later.py").write_text(SCRIPT.format(head=HEAD, midway=str(folder / "midway")))
    config = migration._config

    def later() -> Any:
        changed = config()
        changed.set_main_option("version_locations", f"{SCRIPTS}\n{scripts}")
        changed.set_main_option("path_separator", "newline")
        return changed

    migration._config = later
    asyncio.run(migrate(url))


if __name__ == "__main__":
    stall(sys.argv[1], Path(sys.argv[2]))
