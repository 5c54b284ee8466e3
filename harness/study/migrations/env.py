"""Alembic's entry: applies versions over the connection that `begin.migrate` hands over."""

from alembic import context

from harness.study.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
