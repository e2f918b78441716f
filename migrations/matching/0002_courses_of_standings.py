"""The copy of a firm keeps the whole course of its standing, the lapses to come too.

Filled by building the copies anew (their version was raised); until then the status holds.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE matching.enterprises ADD standings jsonb NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
