"""Derivation heads say since when nothing is fitted to the vehicle any more: what went on has ended.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE telemetry.derivation_heads ADD COLUMN over_at timestamptz")


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
