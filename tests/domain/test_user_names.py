"""Names of users: seen, told apart, and none of the app's own."""

from __future__ import annotations

import pytest

from pdc.domain.errors import BadSetting
from pdc.domain.users.names import checked_name, looks_like


@pytest.mark.parametrize("name", ["maria", "Dr. Ana Núñez", "Ærø 2", "Мария", "李雷", "a@b.example", "O'Neil-Sun"])
def test_names_of_people_are_taken_as_they_are(name: str):
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "maria ", " maria", "ma\nria", "x" * 65, "ma\u200bria", "ma\u202eria", "a  b", "m\x00", "\ud800"]
)
def test_names_that_nobody_could_read_are_refused(name: str):
    with pytest.raises(BadSetting, match="can be seen"):
        checked_name(name)


@pytest.mark.parametrize("name", ["reader", "Import", "PDC", "visitor-3da8d49c"])
def test_names_of_the_app_itself_are_refused(name: str):
    with pytest.raises(BadSetting, match="uses for itself"):
        checked_name(name)


@pytest.mark.parametrize("name", ["mаria", "Αlice", "ｍaria", "ﬁona"])  # Cyrillic a, Greek A, wide m, a ligature
def test_letters_that_only_look_alike_are_refused(name: str):
    with pytest.raises(BadSetting, match="look alike"):
        checked_name(name)


def test_one_name_is_stored_in_one_form_and_capitals_do_not_make_another():
    assert checked_name("Nu\u0301n\u0303ez") == "Núñez"
    assert looks_like("Maria", "maria") and looks_like("ana maria", "anamaria") and not looks_like("maria", "marie")
