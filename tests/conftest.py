"""What many tests share: the embedded model, loaded once, images whose contents are known because we draw them, and the
database: tests of a module marked `both_databases` run on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import egress
import numpy as np
import pytest
from databases import POSTGRESQL, SQLITE, Server, missing, on_server, running
from PIL import Image

from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.settings import EMBEDDED_MODEL

LOADS_A_MODEL = {"embedded", "model_folder", "qwen", "exact"}  # fixtures: whoever asks for one is slow


def pytest_configure(config: pytest.Config) -> None:
    """Nothing leaves the machine. Several workers: a thread each, for their processes too; and files in the order in which they
    were collected."""
    egress.begin()
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # by the number of tests the longest files would come last


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that asked another machine for anything has failed."""
    if not hasattr(session.config, "workerinput") and egress.tried():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say it last, below the summary: the end of a long output is what is kept and read."""
    if not hasattr(config, "workerinput") and (tried := egress.tried()):
        print(f"Another machine was asked, and nothing may leave this one:\n{tried[:8000]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes a model or a browser by what it asks for; what is slow for another reason is marked where it stands.
    Files with such tests come first, so that no worker is left with a long one at the end."""
    _mark(items)
    long = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in long)


def _mark(items: Sequence[pytest.Item]) -> None:
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & LOADS_A_MODEL or item.get_closest_marker("nightly"):
            item.add_marker("slow")
        if "browser" in asked:
            item.add_marker("browser")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`both_databases` runs a test on PostgreSQL too, `both_databases("nightly")` does so at night, `sqlite_only` does not."""
    marker = metafunc.definition.get_closest_marker("both_databases")
    if marker is None or metafunc.definition.get_closest_marker("sqlite_only"):
        return
    when = [pytest.mark.nightly] if "nightly" in marker.args else []
    metafunc.parametrize("database", [SQLITE, pytest.param(POSTGRESQL, marks=when)], indirect=True)


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database that `url_of` names in this test."""
    kind = getattr(request, "param", SQLITE)
    if kind == SQLITE:
        yield kind
        return
    with on_server(request.getfixturevalue("postgres")):
        yield kind


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for all tests of a run; whoever asks for it is skipped where none is installed."""
    if why := missing():
        pytest.skip(f"PostgreSQL is not tried here: {why}")
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def embedded() -> LocalPredictor:
    """The embedded model in 4 bit with the adapter it ships with: what a first visitor gets."""
    from pdc.inference.qwen import load

    shipped = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
    return LocalPredictor(lambda: load(str(EMBEDDED_MODEL)), lambda: AdapterRef(shipped.name, str(shipped)))


@pytest.fixture(scope="session")
def smears() -> list[tuple[Image.Image, int]]:
    """(drawn blood smear, number of red cells in it)."""
    return list(_smears())


def _smears() -> Iterator[tuple[Image.Image, int]]:
    from finetune.data.drawings import RED, smear

    for seed in range(6):
        sample = smear(np.random.default_rng(100 + seed), (640, 480))
        yield Image.fromarray(sample.image), int((sample.classes == RED).sum())
