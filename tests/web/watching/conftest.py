"""One app for all these tests: with a login, and a token for metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from house import House, living

METRICS_TOKEN = "a token for metrics"


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPACE_ID", raising=False)
        folder = tmp_path_factory.mktemp("watched")
        with living(folder, PDC_METRICS_TOKEN=METRICS_TOKEN, PDC_BURNED_IN="keep") as house:
            yield house
