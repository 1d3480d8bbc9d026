"""One office for all tests of the API: they make images and names of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from script_user import Office, Script, office


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office")) as place:
        yield place


@pytest.fixture(scope="session")
def ada(place: Office) -> Script:
    return place.script("ada")


@pytest.fixture(scope="session")
def bob(place: Office) -> Script:
    return place.script("bob")
