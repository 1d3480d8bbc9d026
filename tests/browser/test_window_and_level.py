"""Window, level and channel change what the screen shows; marks, question and what the model saw stay as they are."""

from __future__ import annotations

import io
from base64 import b64decode
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from workbench_page import Workbench, open_page, opened, press, says

pytestmark = pytest.mark.browser
SHOWN = """() => {
  const img = document.querySelector('.pda-picture');
  if (!img.complete || !img.naturalWidth) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: img.naturalWidth, height: img.naturalHeight });
  canvas.getContext('2d').drawImage(img, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""


def deep() -> np.ndarray:
    """A cell of 1200 on a ground of 200, and a much brighter one of 9000 in the corner; 160 x 120."""
    values = np.random.default_rng(0).normal(200, 4, (120, 160))
    values[40:70, 50:90] += 1000
    values[:4, :6] = 9000
    return values.clip(0, 65535).astype(np.uint16)


def shown(page: Any) -> np.ndarray:
    """The picture on the stage, once it is there."""
    picture = page.wait_for_function(SHOWN).json_value()
    return np.asarray(Image.open(io.BytesIO(b64decode(picture))).convert("RGB"))


def until_shown(page: Any, true: Any) -> np.ndarray:
    for _ in range(1200):
        if true(picture := shown(page)):
            return picture
        page.wait_for_timeout(25)
    raise AssertionError(f"never shown: {picture[55, 70]}, {picture[2, 2]}, {picture[100, 20]}")


def add(bench: Workbench, data: bytes, name: str) -> str:
    return bench.service.add_image(data, name)[0].sha256


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def drag(page: Any, name: str, to: int) -> None:
    page.get_by_label(name, exact=True).fill(str(to))


@pytest.fixture
def page(browser, workbench):
    bench = workbench()
    sha = add(bench, imagecodecs.png_encode(deep()), "deep.png")
    page = open_page(browser, bench)
    page.held = None  # the numbers' requests, once a test wants a slow line
    page.route("**/raw/**", lambda route: route.continue_() if page.held is None else page.held.append(route))
    press(page, "w", "Enter")
    opened(page, "deep.png")
    says(page, "Answered by")
    page.bench, page.sha = bench, sha
    yield page
    assert not page.errors
    page.close()


def test_the_window_changes_the_screen_and_nothing_else(page):
    bench, sha = page.bench, page.sha
    view = bench.store.image(sha).view
    (before,) = bench.store.predictions(sha)
    assert before.view == view and f"The model saw brightness {view.low:g} to {view.high:g} of 65535." in says(page, "model saw")
    value = page.evaluate("JSON.stringify(document.querySelector('.pdc-editor').pdc.doc.value())")
    stored = shown(page)

    page.held = numbers = []  # a slow line: a slider that moves before they come would be moved in vain
    press(page, "i")
    panel = page.locator(".pda-deep")
    panel.get_by_text(f"The model saw brightness {view.low:g} to {view.high:g} of 65535.").wait_for()
    for _ in range(100):
        if not numbers:
            page.wait_for_timeout(50)
    assert numbers and panel.locator("input:enabled").count() == 0
    numbers[0].continue_()
    drag(page, "Window", 200)
    narrow = until_shown(page, lambda p: (p != stored).any())
    drag(page, "Level", 60)
    other = until_shown(page, lambda p: (p != narrow).any())
    assert (other[..., 0] == other[..., 2]).all()
    assert "Own window" in page.inner_text(".pda-note") and "Shown here" in panel.inner_text()

    panel.get_by_role("button", name="As the model saw it").click()
    assert (until_shown(page, lambda p: (p == stored).all()) == stored).all() and page.inner_text(".pda-note") == ""
    press(page, "y")
    until_shown(page, lambda p: (p == other).all())
    press(page, "y")
    until_shown(page, lambda p: (p == stored).all())

    assert page.evaluate("JSON.stringify(document.querySelector('.pdc-editor').pdc.doc.value())") == value
    assert bench.store.predictions(sha) == [before] and not bench.store.reviews(sha)


def test_auto_takes_what_is_in_sight(page):
    press(page, "i")
    page.evaluate("document.querySelector('.pdc-editor').pdc.view.centre(130, 90, 20)")
    page.get_by_role("button", name="Auto", exact=True).click()
    picture = until_shown(page, lambda p: p[90:100, 120:140].std() > 30)
    assert picture[55, 70, 0] == 255
    press(page, "0")
    page.get_by_role("button", name="Auto", exact=True).click()
    until_shown(page, lambda p: (abs(p.astype(int) - stored_of(page)) <= 1).all())


def stored_of(page: Any) -> np.ndarray:
    return np.asarray(page.bench.service.files.open(page.sha), int)


def test_another_image_opens_as_the_model_saw_it_and_a_plain_one_has_no_window(page):
    press(page, "i", "y")
    until_shown(page, lambda p: page.evaluate("document.querySelector('.pda-picture').src").startswith("blob:"))
    page.bench.add(1)
    page.reload()
    opened_plain(page)
    press(page, "i")
    assert page.locator(".pda-adjust").is_visible() and not page.locator(".pda-deep").is_visible()


def opened_plain(page: Any) -> None:
    page.wait_for_selector(".pdc-progress")
    page.wait_for_function("document.querySelector('.pdc-progress').textContent !== ''")
    page.get_by_text("smear-00.png").first.click()
    opened(page, "smear-00.png")


def test_channels_and_colours_are_shown_one_by_one(browser, workbench):
    bench = workbench()
    first = deep()
    both = np.stack([first, first[:, ::-1]], axis=-1)
    add(bench, tiff(both, photometric="minisblack", planarconfig="contig"), "two.tif")
    add(bench, tiff(np.stack([first, first[::-1], first[:, ::-1]], axis=-1), photometric="rgb"), "colour.tif")
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "two.tif")
    press(page, "i")
    page.get_by_text("The model saw channel 1 of 2.").first.wait_for()
    page.get_by_label("Channel").select_option("1")
    turned = until_shown(page, lambda p: p[2, 157, 0] == 255 and p[2, 2, 0] < 60)
    assert (turned[..., 0] == turned[..., 1]).all()

    press(page, "Escape", "j")
    opened(page, "colour.tif")
    stored = shown(page)
    assert len(np.unique(stored.reshape(-1, 3) @ [1, 256, 65536])) > 20
    press(page, "i")
    page.get_by_role("button", name="Auto", exact=True).click()
    until_shown(page, lambda p: (abs(p.astype(int) - stored) <= 1).all() and page.inner_text(".pda-note") != "")
    page.get_by_label("Channel").select_option("1")
    green = until_shown(page, lambda p: (p[..., 0] == p[..., 2]).all())
    assert green[80 - 15, 70, 0] > green[20, 20, 0]
    assert not page.errors
    page.close()
