"""Versions of the study database's tables, applied in order by Alembic."""
