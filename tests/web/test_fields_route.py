"""The list of a count's fields, and what the bar above one of them is told, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from counted import ROW, Bench, sperm
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from pdc.domain.errors import PdcError
from pdc.review.counting.desk import FieldDesk
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.fields_route import add_fields_route

GERMAN = {"accept-language": "de"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("counts"))


@pytest.fixture(scope="module")
def client(bench: Bench) -> Iterator[TestClient]:
    app = FastAPI()
    app.exception_handler(PdcError)(lambda request, error: JSONResponse({"error": str(error)}, 404))
    add_fields_route(app, Access(bench.store, bench.service.files.folder, login=False), FieldDesk(bench.counts))
    with TestClient(app) as client:
        yield client


def test_the_list_names_the_fields_in_order_and_no_counts(bench: Bench, client: TestClient):
    shas = bench.side("a", 2), bench.side("b", 1)
    id = bench.counts.start("sperm-concentration", "S-1", shas, reader=LOCAL_USER).id
    bench.read(shas[0][1], sperm(37), reader=LOCAL_USER)
    told = client.get(f"/api/sessions/{id}/fields", headers=GERMAN).json()
    assert [row[0] for row in told["rows"]] == [*shas[0], *shas[1]] and (told["done"], told["total"]) == (1, 3)
    assert [row[2:4] for row in told["rows"]] == [["new", "Replikat 1"], ["done", "Replikat 1"], ["new", "Replikat 2"]]
    assert "37" not in str([row[1:] for row in told["rows"]])


def test_a_field_is_told_what_the_others_add_by_the_areas_as_they_are_now(bench: Bench, client: TestClient):
    first, second = bench.side("c", 2)
    id = bench.counts.start("sperm-concentration", "S-2", [[first, second], bench.side("d", 1)], reader=LOCAL_USER).id
    bench.counts.set_area(id, None, ROW, LOCAL_USER)
    bench.read(second, sperm(40), reader=LOCAL_USER)
    path = f"/api/sessions/{id}/fields/{first}"
    told = client.get(path, headers=GERMAN).json()
    assert told["before"] == {"sperm": 40} and told["said"]["reached"] == "Replikat 2 von 2 beginnen."
    left = {
        "shape": {"kind": "rectangle", "x": 8, "y": 15, "width": 16, "height": 30},
        "squares": 3,
        "source": "typed by the reader",
    }
    bench.counts.set_area(id, second, left, LOCAL_USER)
    told = client.get(path, headers=GERMAN).json()
    assert 0 < told["before"]["sperm"] < 40
    assert told["said"]["reached"] == "die Reihe zu Ende zählen. 2 Quadrate fehlen noch."


def test_what_is_no_field_of_that_count_is_refused(bench: Bench, client: TestClient):
    sha = bench.side("e", 1)[0]
    id = bench.counts.start("sperm-concentration", "S-3", [bench.side("f", 1)], reader=LOCAL_USER).id
    assert client.get(f"/api/sessions/{id}/fields/{sha}").status_code == 404
    assert client.get("/api/sessions/nothing/fields").status_code == 404
