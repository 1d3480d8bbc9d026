"""What Prometheus reads, whoever may read it, and that nothing in it names an image, a patient or a reader."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from house import Browser, House

from pdc.domain.errors import BadSetting
from pdc.store.audit.kinds import AuditKind
from pdc.web.watching import gauges
from pdc.web.watching.metrics import METHODS, Metrics

METRICS_TOKEN = "a token for metrics"  # of conftest.py
client = pytest.importorskip("prometheus_client")
parser = pytest.importorskip("prometheus_client.parser")
BOX = {"id": "m", "label": "platelet", "box": [1, 1, 9, 9], "origin": "human", "status": "open", "score": None}


def read(house: House) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, as a program with the token for metrics sees them."""
    text = Browser(house, headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).send("GET", "/metrics").text
    families = parser.text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def number(found: Any, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_requests_saves_and_refused_logins_are_counted(house: House):
    before, reader = read(house), house.reader("maria")
    sha = reader.upload("smear of Smith.png")
    assert "Saved" in str(reader.save(reader.open(sha, "platelet"), BOX))
    Browser(house).send("POST", "/login", data={"name": "maria", "password": "wrong"})
    Browser(house, headers={"Authorization": "Bearer pdc_wrong"}).send("GET", "/api/worklist")
    for _ in range(2):
        assert reader.send("GET", f"/images/{sha}.png").status_code == 200
    now = read(house)
    image = {"method": "GET", "route": "/images/{sha256}.png", "status": "200"}
    assert number(now, "pdc_requests_total", **image) == 2
    assert number(now, "pdc_request_seconds_count", route="/images/{sha256}.png") == 2
    assert number(now, "pdc_saves_total") == number(before, "pdc_saves_total") + 1
    assert number(now, "pdc_logins_refused_total", why="password") == number(now, "pdc_logins_refused_total", why="token") == 1


def test_what_is_now_is_looked_up_when_it_is_read(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gauges, "BACKUP_LOOKED", 0.0)
    house.store.record_event(AuditKind.BACKED_UP, "somebody", file="b.tar")
    house.store.add_job("import", {}, "maria")
    found = read(house)
    assert (number(found, "pdc_jobs", state="queued"), number(found, "pdc_jobs", state="failed")) == (1, 0)
    assert number(found, "pdc_database_bytes") > 10_000 and number(found, "pdc_disk_free_bytes") > 0
    assert number(found, "pdc_model_loaded") == 0 and number(found, "pdc_predictions_waiting", wanted_by="screen") == 0
    assert number(found, "pdc_last_backup_timestamp_seconds") > 1.7e9
    assert any(name == "pdc_serving_info" for name, _ in found)


def test_no_label_names_an_image_a_user_or_an_address(house: House):
    reader = house.reader("maria")
    sha = reader.upload("smear of Smith.png", "blue")
    reader.send("GET", "/api/worklist?name=Smith")
    reader.send("GET", "/Smith/maria")
    reader.send("SMITH", "/api/worklist")
    labels = [label for _, labels in read(house) for label in labels]
    assert {value for name, value in labels if name == "method"} <= {*METHODS, "other"}
    assert not [value for _, value in labels if any(word in value for word in ("Smith", "SMITH", "maria", sha))]


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer x", f"Bearer {METRICS_TOKEN}x", f"Basic {METRICS_TOKEN}", "Bearer é"])
def test_nobody_else_reads_them(house: House, said: str):
    headers = {"Authorization": said.encode("latin-1")} if said else {}
    assert Browser(house).send("GET", "/metrics", headers=headers).status_code in (401, 403, 429)


def test_the_token_for_metrics_opens_nothing_else(house: House):
    program = Browser(house, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert program.send("GET", "/metrics").status_code == 200
    for path in ("/api/worklist", "/metrics/", "//metrics", "/config", "/metrics/../config"):
        assert program.send("GET", path).status_code in (401, 404, 429), path


def test_an_environment_without_the_library_counts_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics = Metrics()
    metrics.answered("GET", "/", 200, 0.1)
    metrics.now(lambda: ())
    with pytest.raises(BadSetting, match="prometheus_client"):
        metrics.text()
