"""API tokens: programs that come in for a user."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("seq", sa.Integer),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("sha256", "name", "user_name", "role")),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("ends_at", sa.DateTime, nullable=False),
        sa.Column("used_on", sa.Text),
        sa.Column("revoked_at", sa.DateTime),
        sa.PrimaryKeyConstraint("seq", name="pk_api_tokens"),
        sa.UniqueConstraint("sha256", name="uq_api_tokens_sha256"),
    )
    op.create_index("ix_api_tokens_user_name", "api_tokens", ["user_name"])


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
