"""The first tables: study, participant, assignment, vote."""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "study",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("run", sa.String(200), nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("config_hash", sa.String(40), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.CheckConstraint("id = 1", name="one_study"),
    )
    op.create_table(
        "participant",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("invite", sa.String(64), unique=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("consented", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("finished", sa.Float),
        sa.Column("code", sa.String(20), nullable=False, unique=True),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("participant_id", sa.Integer, sa.ForeignKey("participant.id"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("sample", sa.String(300), nullable=False),
        sa.Column("left_method", sa.String(200), nullable=False),
        sa.Column("left_trial", sa.String(100), nullable=False),
        sa.Column("right_method", sa.String(200)),
        sa.Column("right_trial", sa.String(100)),
        sa.Column("sound", sa.String(5), nullable=False),
        sa.Column("hidden", sa.String(5)),
        sa.Column("expected", sa.String(5)),
        sa.Column("assigned", sa.Float, nullable=False),
        sa.Column("answered", sa.Float),
        sa.UniqueConstraint("participant_id", "place"),
    )
    op.create_index("assignment_cell", "assignment", ["kind", "sample", "left_method", "right_method"])
    op.create_table(
        "vote",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assignment_id", sa.Integer, sa.ForeignKey("assignment.id"), nullable=False),
        sa.Column("question", sa.String(60), nullable=False),
        sa.Column("target", sa.String(5), nullable=False),
        sa.Column("answer", sa.String(10), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("played_left", sa.Float, nullable=False),
        sa.Column("played_right", sa.Float),
        sa.Column("plays", sa.Integer, nullable=False),
        sa.UniqueConstraint("assignment_id", "question", "target"),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("vote", "assignment", "participant", "study"):
        op.drop_table(table)
