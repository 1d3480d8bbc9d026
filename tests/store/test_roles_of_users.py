"""Users have roles; those from before keep every right."""

from __future__ import annotations

import pytest
from alembic import command
from store_values import url_of

from pdc.domain.errors import NotFound
from pdc.domain.users.roles import Role
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config

pytestmark = pytest.mark.both_databases("nightly")


def test_a_role_is_kept_and_changed(tmp_path):
    store = Store.open(url_of(tmp_path))
    store.add_user("ada", "hash", Role.READER)
    store.set_role("ada", Role.TRAINER)
    assert [(u.name, u.role) for u in store.users()] == [("ada", Role.TRAINER)]
    with pytest.raises(NotFound, match="no user named 'bo'"):
        store.set_role("bo", Role.ADMIN)
    store.close()


@pytest.mark.sqlite_only
def test_a_user_from_before_there_were_roles_is_admin(tmp_path):
    engine = open_engine(url_of(tmp_path))
    with migrating(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0014")
        columns = "name, password_hash, created_at"
        connection.exec_driver_sql(f"INSERT INTO users ({columns}) VALUES ('ada', 'hash', '2026-01-01 00:00:00')")
    engine.dispose()
    store = Store.open(url_of(tmp_path))
    assert store.user("ada").role is Role.ADMIN
    store.close()
