"""A login ends when its reader says so, when the password changes, when the user is gone, and after a time without work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Browser, House, living

from pdc.web.auth import hash_password

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("logins")
    with living(folder) as house:
        yield house


def inside(browser: Browser) -> bool:
    """Whether the browser is taken for its reader: by a page and by something that changes the store."""
    answers = [
        browser.send("GET", "/config").status_code,
        browser.send("POST", "/api/images?name=x.png", content=b"x").status_code,
    ]
    assert answers in ([200, 422], [401, 401])
    return answers == [200, 422]


def copy_of(browser: Browser) -> Browser:
    return Browser(browser.house, cookies=dict(browser.cookies))


def test_a_copied_cookie_is_nothing_once_its_reader_logged_out_and_other_logins_go_on(house: House):
    ada, elsewhere = house.reader("ada"), house.reader("ada")
    thief = copy_of(ada)
    assert inside(thief)
    assert ada.send("POST", "/logout").status_code == 303
    assert not inside(thief) and inside(elsewhere)


def test_another_password_ends_every_login(house: House):
    bea = house.reader("bea")
    house.store.set_password("bea", hash_password("another password"))
    assert not inside(bea)


def test_who_is_removed_is_out_at_once(house: House):
    cleo = house.reader("cleo")
    house.store.remove_user("cleo")
    assert not inside(cleo)


def test_who_works_stays_in_and_who_does_not_is_out(house: House, monkeypatch: pytest.MonkeyPatch):
    import itsdangerous.timed

    dora, idle = house.reader("dora"), house.reader("dora")
    began = itsdangerous.timed.time.time()
    for minutes in (40, 80, 120):
        monkeypatch.setattr(itsdangerous.timed.time, "time", lambda minutes=minutes: began + 60 * minutes)
        assert dora.send("POST", "/session").status_code == 204
        assert idle.send("GET", "/api/worklist").status_code == (200 if minutes < 60 else 401)
    assert inside(dora)


def test_the_page_learns_who_is_logged_in(house: House):
    assert house.reader("emil").send("GET", "/session").json() == {"user": "emil", "log_in": None}


def test_requests_that_another_site_made_are_refused_without_an_origin_too(house: House):
    gina = house.reader("gina")
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 422), ("none", 422)):
        assert gina.send("POST", "/api/images?name=x.png", content=b"x", headers={"Sec-Fetch-Site": site}).status_code == status
