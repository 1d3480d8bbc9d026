"""An upload never moves the reader off the image they are correcting, however it comes: picked, dropped or pasted."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from workbench_page import Workbench, open_page, opened, press

pytestmark = pytest.mark.browser

GIVE = """([type, files]) => {
  const given = new DataTransfer();
  for (const [name, text] of files) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    given.items.add(new File([bytes], name, { type: 'image/png' }));
  }
  const event = type === 'drop' ? new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true })
    : new ClipboardEvent('paste', { clipboardData: given, bubbles: true, cancelable: true });
  document.querySelector('.pda-stage').dispatchEvent(event);
  return event.defaultPrevented;
}"""


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 50, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def give(page, how: str, *names: str) -> None:
    """The images of these names, in the middle of the page."""
    data = {name: picture(sum(name.encode())) for name in names}
    if how == "pick":
        files = [{"name": name, "mimeType": "image/png", "buffer": body} for name, body in data.items()]
        page.locator('input[data-role="file"]').set_input_files(files)
    else:
        assert page.evaluate(GIVE, [how, [[name, base64.b64encode(body).decode()] for name, body in data.items()]])


def listed(page, n: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('.pdc-own .pdc-item').length === n", arg=n, timeout=30_000)


def test_an_upload_leaves_the_reader_on_the_open_image(browser, workbench):
    bench: Workbench = workbench()
    bench.add(1)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    for n, how in enumerate(("pick", "drop", "paste"), start=1):
        give(page, how, f"{how} 1.png", f"{how} 2.png")
        listed(page, 1 + 2 * n)
        page.wait_for_timeout(300)
        assert page.get_attribute(".pda-picture", "alt") == "Image smear-00.png", how
    assert not page.errors
    page.close()


def test_with_no_image_open_the_first_one_opens(browser, workbench):
    page = open_page(browser, workbench())
    give(page, "paste", "first.png", "second.png")
    opened(page, "first.png")
    listed(page, 2)
    assert page.get_attribute(".pda-picture", "alt") == "Image first.png"
    page.close()
