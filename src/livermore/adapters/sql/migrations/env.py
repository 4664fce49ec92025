"""Run migrations on the connection that `migration.py` hands over, inside its transaction."""

from alembic import context

from livermore.adapters.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by building it anew
)
context.run_migrations()
