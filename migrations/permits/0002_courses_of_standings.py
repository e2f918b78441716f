"""Copies keep the whole course of standings: licences of firms, papers of vehicles, lapses to come.

Filled by building the copies anew (their version was raised); until then nothing has lapsed.

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
    op.execute("ALTER TABLE permits.enterprise_standings ADD lapses varchar(64)[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE permits.vehicles ADD standings jsonb NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
