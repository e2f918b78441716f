"""Areas in full: where a shape came from, what was mended, who drew it, when the area closed.

Revision ID: 0004
Revises: 0002
"""

from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

_AREAS = """
ALTER TABLE registry.areas
  ADD COLUMN closed_at timestamptz,
  ADD COLUMN closed_reason varchar(1000),
  ADD COLUMN closed_by varchar(200),
  ADD COLUMN closed_by_name varchar(200);
ALTER TABLE registry.area_versions
  ADD COLUMN source jsonb,
  ADD COLUMN mended jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN made_by varchar(200),
  ADD COLUMN made_by_name varchar(200);
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in filter(str.strip, _AREAS.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
