"""A reader is shown where text stands in an image before it is stored, and says what becomes of it."""

from __future__ import annotations

import os

import numpy as np
import pytest
from pictures import encoded
from PIL import Image, ImageDraw, ImageFont
from workbench_page import Workbench, open_page

from pdc.images.burned_in.door import Action, TextRule
from pdc.settings import ASSETS

pytestmark = pytest.mark.browser


def named(shade: int) -> dict[str, object]:
    image = Image.new("RGB", (480, 320), (shade, 70, 90))
    ImageDraw.Draw(image).text(
        (12, 12), "Müller, Eva 12.03.1961", "white", ImageFont.truetype(ASSETS / "fonts" / "DejaVuSans.ttf", 24)
    )
    return {"name": f"named-{shade}.png", "mimeType": "image/png", "buffer": encoded(image)}


def test_text_is_shown_before_anything_is_stored_and_painted_over_kept_or_left_out(browser, workbench):
    bench: Workbench = workbench()
    bench.service.text_rule = TextRule(Action.ASK)
    page = open_page(browser, bench)
    files, asked = page.locator('input[data-role="file"]'), page.locator(".pdc-burned")
    files.set_input_files([named(100), named(101)])
    asked.wait_for(timeout=120_000)
    assert bench.store.images() == [] and asked.locator("rect").count() >= 1
    assert asked.locator(".pdc-burned-picture img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
    if shot := os.environ.get("PDC_SHOT"):
        page.screenshot(path=shot)
    asked.get_by_role("checkbox").check()
    asked.get_by_role("button", name="Paint over and add").click()
    page.wait_for_function("document.querySelectorAll('.pdc-own .pdc-item').length === 2", timeout=120_000)
    for image in bench.store.images():  # the second was not asked about
        assert np.asarray(bench.service.files.open(image.sha256)).max() < 200
    files.set_input_files([named(102)])
    asked.wait_for(timeout=120_000)
    page.keyboard.press("Escape")
    page.wait_for_function("document.querySelector('.pdc-upload-told').textContent.includes('named-102.png was not added.')")
    assert len(bench.store.images()) == 2 and page.errors == []
    page.close()
