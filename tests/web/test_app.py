"""The ASGI app over HTTP: images, uploads, logins, and where requests may come from. Real store, real files."""

from __future__ import annotations

import io
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pdc.domain.errors import BadSetting
from pdc.images.intake import ImageFiles
from pdc.review.prefetch import Prefetcher
from pdc.review.service import ReviewService
from pdc.store.store import Store
from pdc.web.app import build_server
from pdc.web.auth import Access, hash_password


class Nobody:
    """A predictor that is never asked here."""

    labels = None

    def untaught(self, question) -> tuple[str, ...]:
        return ()

    def predict(self, image, question):
        raise AssertionError("the server does not predict")


def client(folder: Path, *, login: bool = False, visitors: bool = False, max_upload_mb: int = 2) -> TestClient:
    store = Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")
    service = ReviewService(store, ImageFiles(folder / "images"), Nobody())
    with gr.Blocks() as blocks:
        gr.Markdown("hello")
    access = Access(store, folder, login=login, visitors=visitors)
    app = build_server(service, access, blocks, prefetcher=Prefetcher(service), max_upload_mb=max_upload_mb)
    app.state.store = store
    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 20), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_upload_comes_back_upright_and_immutable(tmp_path: Path):
    web = client(tmp_path)
    stored = web.post("/api/images?name=../../etc/cell.png", content=png()).json()
    assert (stored["width"], stored["height"]) == (32, 20) and "/" not in stored["name"]
    answer = web.get(f"/images/{stored['sha256']}.png")
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (32, 20)


@pytest.mark.parametrize("data", [b"", b"hello", png()[:40]], ids=["zero bytes", "text", "truncated"])
def test_a_bad_upload_gets_a_sentence_and_stores_nothing(tmp_path: Path, data: bytes):
    web = client(tmp_path)
    answer = web.post("/api/images?name=x.png", content=data)
    assert answer.status_code == 422 and answer.json()["error"].endswith(".")
    assert web.app.state.store.images() == []


def test_a_body_over_the_limit_is_refused_with_or_without_a_length(tmp_path: Path):
    web = client(tmp_path, max_upload_mb=1)
    big = b"x" * 1_500_000
    assert web.post("/api/images", content=big).status_code == 413
    chunked = web.post("/api/images", content=iter([big[:800_000], big[800_000:]]))
    assert chunked.status_code == 413 and "larger than 1 MB" in chunked.json()["error"]


def test_an_unknown_image_is_not_found(tmp_path: Path):
    assert client(tmp_path).get(f"/images/{'0' * 64}.png").status_code == 404


def test_other_sites_cannot_write_and_other_hosts_are_not_served(tmp_path: Path):
    web = client(tmp_path)
    assert web.post("/api/images", content=png(), headers={"Origin": "https://evil.example"}).status_code == 403
    assert web.get("/", headers={"Host": "rebound.example"}).status_code == 400
    answer = web.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_login_guards_pages_images_and_gradio(tmp_path: Path):
    web = client(tmp_path, login=True)
    web.app.state.store.add_user("maria", hash_password("correct horse"))
    assert web.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
    ours = ("/api/worklist", *(f"/{folder}/{'0' * 64}.{kind}" for folder, kind in (("images", "png"), ("thumbnails", "jpg"))))
    for path in (*ours, "/config", "/gradio_api/info", "/gradio_api/file=x"):
        assert web.get(path).status_code == 401, path
    assert web.post("/api/images", content=png()).status_code == 401
    assert web.post("/login", data={"name": "maria", "password": "wrong password"}).status_code == 401
    assert web.post("/login", data={"name": "nobody", "password": "wrong password"}).status_code == 401
    assert web.post("/login", data={"name": "maria", "password": "correct horse"}).headers["location"] == "/"
    assert web.get("/config").status_code == 200
    web.post("/logout")
    assert web.get("/config").status_code == 401


def test_a_forged_cookie_is_nobody(tmp_path: Path):
    web = client(tmp_path, login=True)
    web.cookies.set("pdc_session", "maria")
    assert web.get("/config").status_code == 401


def test_each_visitor_of_a_space_has_a_name_of_their_own(tmp_path: Path):
    web = client(tmp_path, visitors=True)
    first = web.get("/health").headers["set-cookie"]
    assert "pdc_visitor=" in first and "set-cookie" not in web.get("/health").headers


def test_the_whole_app_answers_under_the_address_of_a_visit(tmp_path: Path):
    web = client(tmp_path, visitors=True)

    def bare(path: str):
        web.cookies.clear()
        return web.get(path)

    place = bare("/").headers["location"]
    page = bare(place)
    assert page.status_code == 200 and f'"root":"https://testserver{place.rstrip("/")}"' in page.text.replace(": ", ":")
    web.cookies.clear()
    sha = web.post(f"{place}api/images?name=a.png", content=png()).json()["sha256"]
    assert bare(f"{place}images/{sha}.png").status_code == 200
    assert bare(f"{place}gradio_api/api/").status_code == 404  # the guard knows Gradio's routes there too


def test_short_passwords_are_refused():
    with pytest.raises(BadSetting, match="10 or more"):
        hash_password("short")


def test_the_worklist_is_served_in_the_wanted_order_with_small_pictures(tmp_path: Path):
    web = client(tmp_path)
    shas = [web.post(f"/api/images?name={name}.png", content=png(name)).json()["sha256"] for name in ("red", "blue")]
    listed = web.get("/api/worklist?order=name").json()
    assert [row[:3] for row in listed["rows"]] == [[shas[1], "blue.png", "new"], [shas[0], "red.png", "new"]]
    assert (listed["done"], listed["total"], listed["pace"], listed["waiting"], listed["error"]) == (0, 2, None, 0, None)
    assert web.get("/api/worklist?order=nonsense&name=blu").json()["total"] == 1
    for _ in range(2):
        small = web.get(f"/thumbnails/{shas[0]}.jpg")
        assert small.headers["content-type"] == "image/jpeg" and max(Image.open(io.BytesIO(small.content)).size) <= 96
    assert web.get(f"/thumbnails/{'0' * 64}.jpg").status_code == 404


def test_images_are_assigned_and_given_back(tmp_path: Path):
    web = client(tmp_path)
    sha = web.post("/api/images?name=a.png", content=png()).json()["sha256"]
    assert web.post("/api/worklist/assign", json={"images": [sha], "reader": " maria "}).json() == {"assigned": 1}
    assert [row[4] for row in web.get("/api/worklist?reader=maria").json()["rows"]] == ["maria"]
    assert web.post("/api/worklist/assign", json={"images": ["0" * 64], "reader": "x"}).status_code == 404
    web.post("/api/worklist/assign", json={"images": [sha]})
    assert web.get("/api/worklist?reader=maria").json()["rows"] == []


def test_gradio_records_nothing_and_serves_no_files(tmp_path: Path):
    web = client(tmp_path)
    config = web.get("/config").json()
    assert not config.get("analytics_enabled") and not config.get("run_history") and config.get("footer_links") in ([], None)
    assert web.get(f"/gradio_api/file={tmp_path / 'pdc.sqlite3'}").status_code in (403, 404)
