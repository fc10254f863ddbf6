"""Runs migrations on the connection that `database.migrate` has opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Beside Dagster's own tables there is an alembic_version already.
    version_table="vod_queue_version",
    # SQLite can too, as we open its transactions ourselves.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
