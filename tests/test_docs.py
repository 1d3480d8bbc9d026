"""The reading matter tells the truth: the README's commands, the settings, the rooms of ARCHITECTURE.md, every link and path."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from pdc.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(p.relative_to(ROOT).as_posix() for glob in ("*.md", "docs/*.md", "finetune/*.md") for p in ROOT.glob(glob))
ROOM = re.compile(r"^\| `((?:pdc|finetune)/[\w/]*)` \|.*\|([^|]*)\|$", re.MULTILINE)
PLACE = re.compile(r"`((?:pdc|finetune|assets|tests|docs)/[\w./-]*)`")
OWN = ("migrations", "versions")  # alembic's folders, not packages
EXAMPLES = {"pdc/formats/NAME.py"}


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rooms() -> dict[str, list[str]]:
    """Folders of ARCHITECTURE.md's table, without the last slash, and the modules named in each."""
    return {folder.rstrip("/"): re.findall(r"`(\w+)`", modules) for folder, modules in ROOM.findall(page("ARCHITECTURE.md"))}


def packages() -> set[str]:
    found = {path.parent for top in ("pdc", "finetune") for path in (ROOT / top).rglob("*.py")}
    return {folder.relative_to(ROOT).as_posix() for folder in found if folder.name not in OWN}


def test_every_package_is_a_room_of_the_architecture_and_every_room_is_there():
    assert set(rooms()) == packages()


def test_each_room_has_one_row():
    named = [folder for folder, _ in ROOM.findall(page("ARCHITECTURE.md"))]
    assert sorted(named) == sorted(set(named))


@pytest.mark.parametrize("name", PAGES)
def test_no_page_holds_what_a_merge_left_behind(name: str):
    assert not re.search(r"^(<{7} |={7}$|>{7} )", page(name), re.MULTILINE)


def test_the_picture_of_the_floors_is_the_contract():
    picture = page("ARCHITECTURE.md").split("```")[1]
    left = [re.findall(r"[a-z]+", row.split("|")[1].split("(")[0]) for row in picture.splitlines() if row.startswith(" |  ")]
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    floors = [[name.removeprefix("pdc.") for name in floor.split(" | ")] for floor in contracts[0]["layers"]]
    assert [row for row in left if row] == floors


def test_every_module_that_the_architecture_names_is_there():
    named = [f"{folder}/{module}" for folder, modules in rooms().items() for module in modules]
    assert len(named) > 50
    assert not [n for n in named if not (ROOT / f"{n}.py").is_file()]


@pytest.mark.parametrize("name", [p for p in PAGES if p != "CHANGELOG.md"])
def test_every_place_in_the_code_that_a_page_names_is_there(name: str):
    assert not [p for p in PLACE.findall(page(name)) if p not in EXAMPLES and not (ROOT / p).exists()]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_to_a_file(name: str):
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page(name)) if "://" not in link]
    assert not [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]


def test_the_deployment_page_names_every_setting_with_its_default():
    rows = dict(re.findall(r"^\| `(PDC_\w+)` \|(?: `([^|`]*)`)? \|", page("docs/deployment.md"), re.MULTILINE))
    assert set(rows) == {f.metadata["variable"] for f in fields(Settings)}
    for f in fields(Settings):
        if f.name not in ("model", "database_url"):  # their empty default is told in words
            default = {True: "on", False: "off"}[f.default] if isinstance(f.default, bool) else str(f.default)
            assert rows[f.metadata["variable"]].strip() == default, f.name


def test_the_guide_names_every_key_of_the_editor():
    bound = re.findall(r'^    \["([^"]+)", "', page("assets/annotator/keys.js"), re.MULTILINE)
    parts = {part for keys in bound for part in re.split(r" / | or | – ", keys)}
    cells = re.findall(r"^\|(.*?)\|", page("docs/guide.md"), re.MULTILINE)
    guide = {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}
    assert len(bound) > 20
    assert {p for p in parts if p != "Arrows"} - {"−"} <= guide


def test_the_guide_names_every_key_of_the_worklist():
    bound = re.findall(r'^  \["([^"]+)", "[^"]+", "\w+"\],$', page("assets/annotator/keys.js"), re.MULTILINE)
    assert len(bound) == 6
    assert set(bound) <= set(re.findall(r"`([^`]+)`", page("docs/guide.md")))


def test_the_readme_is_one_short_page():
    assert len(page("README.md").splitlines()) <= 100


def test_the_readme_front_matter_starts_a_space():
    head = page("README.md").split("---")[1]
    assert "sdk: gradio" in head and "app_file: app.py" in head


@pytest.mark.parametrize("command", ["app.py", "python -m pytest"])
def test_the_readme_has_both_commands(command: str):
    assert command in page("README.md")
