"""The scripts that the browser imports: what is served, at which address, to whom."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from test_app import client

from pdc.settings import ASSETS
from pdc.web.ui import scripts

MODULES = sorted(ASSETS.rglob("*.js"))
IMPORT = re.compile(r'^(?:import|export) [^"]+ from "(\.[^"]+)";$', re.MULTILINE)


def resolved(path: str, imported: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / imported).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def reached(name: str, seen: set[str]) -> set[str]:
    """Every module that this one brings with it."""
    for imported in IMPORT.findall(scripts.files()[name].decode()):
        if (path := resolved(name, imported)) not in seen:
            seen.add(path)
            reached(path, seen)
    return seen


def test_the_entry_imports_every_script_there_is():
    assert reached("main.js", {"main.js"}) == {path.relative_to(ASSETS).as_posix() for path in MODULES}


def test_no_script_leaves_anything_on_the_window():
    said = {path.name: re.findall(r"\b(?:window|globalThis|self)\.(\w+) = ", path.read_text("utf-8")) for path in MODULES}
    assert {name: found for name, found in said.items() if found} == {"connection.js": ["fetch"]}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_script_is_short_and_never_writes_markup(path: Path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 300
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


def test_the_head_cannot_be_left_early_and_fetches_nothing_from_elsewhere():
    head = scripts.head_html()
    assert head.count("</script>") == 1 and head.count("</style>") == 1
    assert "://" not in head


def test_a_script_is_served_for_ever_at_an_address_that_changes_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    web = client(tmp_path)
    answer = web.get(f"/scripts/{scripts.version()}/annotator/doc.js")
    assert answer.text == (ASSETS / "annotator" / "doc.js").read_text("utf-8")
    assert answer.headers["content-type"].startswith("text/javascript") and "immutable" in answer.headers["cache-control"]
    before = scripts.version()
    scripts.version.cache_clear()
    monkeypatch.setattr(scripts, "files", lambda: {"main.js": b"export {};"})
    assert scripts.version() != before
    monkeypatch.undo()
    scripts.version.cache_clear()
    assert scripts.version() == before


def test_a_page_of_an_older_version_is_told_to_reload(tmp_path: Path):
    web = client(tmp_path)
    answer = web.get("/scripts/0123456789ab/main.js", headers={"accept-language": "de"})
    assert answer.status_code == 404 and answer.json()["error"].endswith("Laden Sie die Seite neu.")


@pytest.mark.parametrize("name", ["../settings.py", "words/de.json", "annotator/none.js", "models/pdc-tiny/config.json"])
def test_only_scripts_are_served(tmp_path: Path, name: str):
    assert client(tmp_path).get(f"/scripts/{scripts.version()}/{name.replace('/', '%2F')}").status_code == 404


def test_a_language_without_a_dictionary_is_english():
    app = FastAPI()
    scripts.add_routes(app)
    web = TestClient(app)
    page = {name: web.get(f"/scripts/{scripts.version()}/page/{name}.json").json() for name in ("de", "fr", "en")}
    assert page["de"]["words"] == json.loads((ASSETS / "words" / "de.json").read_text("utf-8"))
    assert page["fr"] == page["en"] and (page["en"]["language"], page["en"]["words"]) == ("en", {})


def test_scripts_are_behind_the_login(tmp_path: Path):
    address = f"/scripts/{scripts.version()}/main.js"
    assert client(tmp_path, login=True).get(address).status_code == 401


def test_no_key_of_the_editor_means_two_things():
    keys = re.findall(r'("[^"]+"|\w+): \(e\)', (ASSETS / "annotator" / "keys.js").read_text("utf-8"))
    assert len(keys) > 30 and sorted(keys) == sorted(set(keys))
