"""Run migrations on the connection that `Database` has opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Dagster's own tables may be in the same database, with an alembic_version of theirs.
    version_table="vod_queue_version",
    # True for SQLite too, because we open its transactions ourselves.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
