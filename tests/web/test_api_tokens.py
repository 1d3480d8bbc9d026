"""API tokens: a program comes in for a user, with a role of its own, until the token ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from house import House, living

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.users.roles import Role
from pdc.store.tokens.records import ApiToken
from pdc.web.auth import hash_password
from pdc.web.login_gate import FREE
from pdc.web.logins.tokens import digest, make_token

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("tokens")) as house:
        yield house


def user(house: House, name: str, role: Role = Role.ADMIN) -> str:
    house.store.add_user(name, hash_password("correct horse"), role)
    return name


def made(house: House, name: str, role: Role = Role.READER, called: str = "script") -> str:
    return make_token(house.store, name, called, role, 90, "root")


def sent(house: House, token: str, method: str = "GET", path: str = "/api/worklist", **more):
    house.web.cookies.clear()
    return house.web.request(method, path, headers={"Authorization": f"Bearer {token}", **more.pop("headers", {})}, **more)


def rows(house: House, query: str) -> list[tuple]:
    with house.store._read() as session:
        return [tuple(row) for row in session.connection().exec_driver_sql(query)]


def test_a_token_opens_the_routes_for_its_user_without_an_origin_and_without_a_cookie(house: House):
    token = made(house, user(house, "ada"))
    elsewhere = {"Origin": "https://a-program.example"}
    answer = sent(house, token, "POST", "/api/images?name=x.png", content=b"x", headers=elsewhere)
    assert answer.status_code == 422 and "set-cookie" not in answer.headers
    assert sent(house, token, path="/session").json()["user"] == "ada"
    for path in ("/session", "/logout"):
        assert "pdc_session=ey" not in sent(house, token, "POST", path).headers.get("set-cookie", "")
    assert sent(house, token).status_code == 200
    assert house.store.tokens("ada")[0].used_on == datetime.now(UTC).date()


def test_a_token_does_what_its_own_role_may_and_never_more_than_its_users(house: House):
    sha = house.reader(user(house, "eve")).upload("shared.png")
    tokens = {role: made(house, "eve", role, role) for role in Role}
    given = {"json": {"images": [sha], "reader": "somebody"}}
    asked = {role: sent(house, token, "POST", "/api/worklist/assign", **given).status_code for role, token in tokens.items()}
    assert asked == {Role.READER: 403, Role.TRAINER: 200, Role.ADMIN: 200}
    house.store.set_role("eve", Role.READER)
    assert sent(house, tokens[Role.ADMIN], "POST", "/api/worklist/assign", **given).status_code == 403
    with pytest.raises(BadSetting, match="eve is reader, so a token of theirs cannot be trainer"):
        made(house, "eve", Role.TRAINER, "more")


def test_the_interface_knows_the_role_of_a_token_too(house: House):
    admin = user(house, "flo")
    refused, taken = (house.program(admin, role).run("rollback", None, "") for role in (Role.READER, Role.ADMIN))
    assert "takes the role trainer" in refused and "takes the role" not in str(taken)


def test_what_is_revoked_too_old_or_unknown_opens_nothing_and_all_get_one_answer(house: House):
    token = made(house, user(house, "gus"))
    old = "pdc_old"
    house.store.add_token(ApiToken("old", "gus", Role.READER, NOW - timedelta(9), NOW - timedelta(1)), digest(old), "root")
    house.store.revoke_token("gus", "script", "root")
    page = {"Accept": "text/html"}
    answers = [sent(house, text, path="/", headers=page) for text in (token, old, "pdc_unknown", "nothing like it", "")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert "unknown, was revoked, or its time is over" in answers[0].json()["error"]
    with pytest.raises(NotFound, match="no token named 'script'"):
        house.store.revoke_token("gus", "script", "root")
    assert made(house, "gus")  # the name is free again
    told = [row[:2] for row in rows(house, "select kind, who, what from audit_events order by id") if '"gus"' in row[2]]
    assert told[-2:] == [("token_revoked", "root"), ("token_added", "root")]


def test_a_wrong_token_is_not_helped_by_a_good_cookie(house: House):
    browser = house.reader(user(house, "hal"))
    wrong = {"Authorization": "Bearer pdc_wrong"}
    assert browser.send("GET", "/api/worklist", headers=wrong).status_code == 401
    assert browser.send("GET", "/api/worklist", headers={"Authorization": "Basic aGFsOmhhbA=="}).status_code == 200


def test_tokens_of_a_removed_user_do_not_come_back_with_the_name(house: House):
    token = made(house, user(house, "ida"))
    house.store.remove_user("ida")
    assert sent(house, token).status_code == 401
    assert sent(house, made(house, user(house, "ida"))).status_code == 200
    assert sent(house, token).status_code == 401


def test_wrong_tokens_have_to_wait_and_neither_right_ones_nor_passwords_do(house: House):
    token = made(house, user(house, "jan"))
    answers = [sent(house, f"pdc_guess-{n}").status_code for n in range(FREE["token"] + 3)]
    assert answers[-2:] == [429, 429] and set(answers) == {401, 429}
    assert sent(house, token).status_code == 200
    assert house.reader("jan").send("GET", "/session").json()["user"] == "jan"


def test_the_database_never_holds_a_token(house: House):
    token = made(house, user(house, "kim"))
    kept = str(rows(house, "select * from api_tokens"))
    assert digest(token) in kept and token not in kept and token.removeprefix("pdc_") not in kept


def test_a_name_that_cannot_be_seen_or_is_taken_is_refused(house: House):
    made(house, user(house, "lea"))
    with pytest.raises(BadSetting, match="already has a token named 'script'"):
        made(house, "lea")
    for name in ("", " x", "a\nb", "x" * 65):
        with pytest.raises(BadSetting, match="1 to 64 characters"):
            made(house, "lea", called=name)
    with pytest.raises(NotFound, match="no user named 'nobody here'"):
        made(house, "nobody here")
