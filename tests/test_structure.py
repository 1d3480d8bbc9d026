"""The project's own promises: which way imports point, what an import loads, how threads wait, and one version."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pdc

ROOT = Path(__file__).resolve().parent.parent
CORE = {
    "pdc", "pdc.domain", "pdc.errors", "pdc.geometry", "pdc.tasks", "pdc.corrections", "pdc.conflicts", "pdc.doubt",
    "pdc.reading",
}
UI = {"pdc.ui", "pdc.server", "pdc.access"}
# these import torch; nobody imports them at import
LATE = {"pdc.dense", "pdc.decoding.copies", "pdc.decoding.language", "pdc.decoding.rows"}
SERVICES = {
    "pdc.review", "pdc.worklist", "pdc.lookahead", "pdc.history", "pdc.exports", "pdc.importing", "pdc.training", "pdc.adapters",
    "pdc.answering", "pdc.asking", "pdc.sureness", "pdc.rooms", "pdc.questions",
}


def modules() -> dict[str, Path]:
    paths = [*ROOT.glob("pdc/**/*.py"), *ROOT.glob("finetune/**/*.py")]
    return {_name(path): path for path in paths if "migrations" not in path.parts}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, anywhere: bool = True) -> set[str]:
    """Modules a file imports: anywhere in it, or only when it is itself imported."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if anywhere else _at_import(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _at_import(tree: ast.Module):
    """Top-level statements, without functions and without `if TYPE_CHECKING`."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node


def under(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


def test_the_core_imports_nothing_but_the_core_and_the_standard_library():
    for name in CORE - {"pdc"}:
        for used in imports(modules()[name]):
            top = used.split(".")[0]
            assert top in sys.stdlib_module_names or used in CORE or under(used, CORE - {"pdc"}), f"{name} imports {used}"


def test_pdc_never_imports_finetune():
    for name, path in modules().items():
        if name.split(".")[0] == "pdc":
            assert not [used for used in imports(path) if under(used, {"finetune"})], name


def test_only_the_composition_root_of_finetune_knows_store_and_services():
    forbidden = UI | SERVICES | {"pdc.store", "pdc.settings"}
    for name, path in modules().items():
        if name.startswith("finetune") and name not in ("finetune.__main__", "finetune.commands", "finetune.folding"):
            assert not [used for used in imports(path) if under(used, forbidden)], name


def test_nothing_inside_imports_the_interface():
    allowed = {"pdc.server", "pdc.access", "pdc.commands", "pdc.parts", "pdc.__main__"}
    for name, path in modules().items():
        if name.startswith("pdc") and not under(name, UI) and name not in allowed:
            assert not [used for used in imports(path) if under(used, UI)], name


def test_the_interface_holds_no_sql_no_torch_and_no_model_code():
    for name, path in modules().items():
        if under(name, {"pdc.ui"}):
            used, forbidden = imports(path), {"sqlalchemy", "torch", "transformers", "peft"}
            bad = [u for u in used if u.split(".")[0] in forbidden or under(u, {"pdc.qwen", "pdc.decoding"})]
            assert not bad, (name, bad)


@pytest.mark.slow
def test_importing_the_app_loads_no_torch():
    code = "import sys, app, pdc.ui.app, pdc.server, pdc.parts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_heavy_libraries_are_imported_inside_functions():
    for name, path in modules().items():
        if name.startswith("pdc"):
            used = imports(path, anywhere=False)
            heavy = {u.split(".")[0] for u in used} & {"torch", "transformers", "peft", "xgrammar"}
            assert name in LATE or not heavy | (used & LATE), (name, heavy | (used & LATE))


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


def test_there_is_one_version():
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest and newest.group(1) == pdc.__version__
