"""The project's own promises: which way imports point, what an import loads, how threads wait, and one version."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grimp
import pytest

import pdc

ROOT = Path(__file__).resolve().parent.parent
# these import torch; nobody imports them at import
LATE = {f"pdc.inference.{name}" for name in ("dense_head", "decoding.cpu_model", "decoding.backends", "decoding.kv_cache")}
LATE |= {f"pdc.inference.experts.{name}" for name in ("efficientnet", "dense_expert")}
HEAVY = {"torch", "transformers", "peft", "xgrammar"}
MOST_MODULES = 16  # in a folder: more, and nobody finds the line


def test_imports_point_down_the_floors_and_no_packages_import_each_other():
    """The contracts stand in pyproject.toml under [tool.importlinter]."""
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_modules_import_each_other_in_a_circle_not_even_inside_functions():
    graph = grimp.build_graph("pdc", "finetune", exclude_type_checking_imports=True, cache_dir=None)
    left = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    while ends := [name for name, used in left.items() if not used & left.keys()]:
        for name in ends:
            del left[name]
    assert not left, f"these go round in circles, or lead into one: {sorted(left)}"


def test_no_folder_holds_more_modules_than_a_reader_can_scan():
    found = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules().values() if path.name != "__init__.py")
    assert found and {folder: n for folder, n in found.items() if n > MOST_MODULES} == {}


def test_the_start_file_only_starts():
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) < 50


def modules() -> dict[str, Path]:
    paths = [*ROOT.glob("pdc/**/*.py"), *ROOT.glob("finetune/**/*.py")]
    return {_name(path): path for path in paths if "migrations" not in path.parts}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_at_import(path: Path) -> set[str]:
    """Modules a file imports when it is itself imported: outside functions and `if TYPE_CHECKING`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.slow
def test_importing_the_app_loads_no_torch():
    code = "import sys, app, pdc.web.ui.app, pdc.web.app, pdc.compose; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_heavy_libraries_are_imported_inside_functions():
    for name, path in modules().items():
        if name.startswith("pdc") and name not in LATE:
            used = imported_at_import(path)
            assert not {u.split(".")[0] for u in used} & HEAVY | (used & LATE), name


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["app", "pdc.__main__", "finetune.__main__", "pdc.settings"])
def test_every_entry_point_lets_waiting_threads_sleep_before_torch_is_there(entry: str):
    code = f"import os, sys, {entry}; sys.exit(os.environ['OMP_WAIT_POLICY'] != 'passive' or 'torch' in sys.modules)"
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0


def test_who_sets_how_threads_wait_is_obeyed():
    code = "import os, pdc, sys; sys.exit(os.environ['OMP_WAIT_POLICY'] != 'active')"
    environment = {**os.environ, "OMP_WAIT_POLICY": "active"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["pdc", "os"])
def test_onnxruntime_sets_up_no_reports_to_its_makers(entry: str, tmp_path: Path):
    """It would leave a file of its session beside the temporary files. The negative control: without PDC it does."""
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI", "GITHUB_ACTIONS")}
    code = f"import {entry}, onnxruntime"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**environment, "TMPDIR": str(tmp_path)}, check=True)
    reports = [path.name for path in tmp_path.iterdir()]
    if sys.platform == "linux" or entry == "pdc":
        assert reports == ([] if entry == "pdc" else [".ses"])


def test_there_is_one_version():
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest and newest.group(1) == pdc.__version__
