"""Users have roles; those from before keep every right."""

from __future__ import annotations

import sqlite3

import pytest

from pdc.domain.errors import NotFound
from pdc.domain.roles import Role
from pdc.store import Store


def test_a_role_is_kept_and_changed(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    store.add_user("ada", "hash", Role.READER)
    store.set_role("ada", Role.TRAINER)
    assert [(u.name, u.role) for u in store.users()] == [("ada", Role.TRAINER)]
    with pytest.raises(NotFound, match="no user named 'bo'"):
        store.set_role("bo", Role.ADMIN)
    store.close()


def test_a_user_from_before_there_were_roles_is_admin(tmp_path):
    path = tmp_path / "pdc.sqlite3"
    Store.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as old:
        old.execute("ALTER TABLE users DROP COLUMN role")
        old.execute("INSERT INTO users (name, password_hash, created_at) VALUES ('ada', 'hash', '2026-01-01 00:00:00')")
        old.execute("UPDATE alembic_version SET version_num = '0014'")
    old.close()
    store = Store.open(f"sqlite:///{path}")
    assert store.user("ada").role is Role.ADMIN
    store.close()
