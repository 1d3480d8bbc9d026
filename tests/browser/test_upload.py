"""An upload never moves the reader off the image they are correcting, however it comes: picked, dropped or pasted."""

from __future__ import annotations

import base64
import io
import zipfile

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
DROP = """([where, type, link]) => {
  const given = new DataTransfer();
  if (link) given.setData('text/uri-list', 'https://example.org/a.png');
  else given.items.add(new File(['nothing'], 'notes.txt', { type: 'text/plain' }));
  const event = new DragEvent(type, { dataTransfer: given, bubbles: true, cancelable: true });
  document.querySelector(where).dispatchEvent(event);
  return event.defaultPrevented;
}"""
EVERYWHERE = (".pda-stage", ".pda-side", ".pdc-bar", ".pdc-header", ".pdc-own", "body")


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


def zipped(files: dict[str, bytes], **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def dropped(page, **files: bytes) -> None:
    assert page.evaluate(GIVE, ["drop", [[name, base64.b64encode(body).decode()] for name, body in files.items()]])


def test_nothing_that_is_dropped_makes_the_browser_leave_the_page(browser, workbench):
    bench: Workbench = workbench()
    bench.add(1)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    for where in EVERYWHERE:
        for link in (False, True):
            assert page.evaluate(DROP, [where, "dragover", link]) and page.evaluate(DROP, [where, "drop", link]), (where, link)
    page.get_by_text("A link brings no image").wait_for()
    page.get_by_role("tab", name="Data").click()
    page.wait_for_timeout(300)
    assert page.evaluate(DROP, [".pdc-header", "drop", False])
    page.get_by_text("The images go into the list of the Review tab.").wait_for()
    page.get_by_role("tab", name="Review").click()
    page.get_by_text("notes.txt: The file is not an image that can be read").first.wait_for()
    assert not page.locator(".pdc-dropping p").filter(has_text="Drop images").is_visible() and not page.errors
    page.close()


def test_a_zip_is_a_folder_whose_folders_are_patients(browser, workbench):
    bench: Workbench = workbench()
    page = open_page(browser, bench)
    inside = {"day/a.png": picture(1), "day/ward 1/b.png": picture(2), "day/ward 1/c.png": picture(3), "day/list.txt": b"a, b"}
    dropped(page, **{"day.zip": zipped({**inside, "__MACOSX/day/._a.png": b"x"}, compression=zipfile.ZIP_DEFLATED)})
    page.get_by_text("3 of 3 stored.").wait_for()
    page.get_by_text("Other files that were left out: 1.").wait_for()
    groups = {image.name: image.group for image in bench.store.images()}
    assert groups["b.png"] == groups["c.png"] == "ward 1" and groups["a.png"] != "ward 1"
    dropped(page, **{"torn.zip": zipped(inside)[:-40], "plain.zip": zipped({"d.png": picture(4)})})
    page.get_by_text("torn.zip: The ZIP is damaged; pack it again.").wait_for()
    listed(page, 4)
    assert not page.errors
    page.close()


def test_each_file_that_is_no_image_is_refused_in_a_sentence_and_the_others_go_on(browser, workbench):
    page = open_page(browser, workbench())
    odd = {
        "a.pdf": b"%PDF-1.7 ...",
        "b.dcm": bytes(128) + b"DICM....",
        "c.mp4": bytes(4) + b"ftypisom....",
        "d.heic": bytes(4) + b"ftypheic....",
    }
    dropped(page, **odd, **{"e.png": picture(5)})
    page.get_by_text("1 of 5 stored.").wait_for()
    said = page.locator(".pdc-upload-told li").all_inner_texts()
    assert [words.split(":")[0] for words in said] == list(odd)
    for words, kind in zip(said, ("a PDF", "a DICOM file", "a video", "a HEIC or AVIF photograph"), strict=True):
        assert f"This is {kind}" in words
    page.close()


def test_many_files_in_two_drops_are_all_stored_while_the_image_stays(browser, workbench):
    bench: Workbench = workbench()
    bench.add(1)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    first, second = ({f"scan-{n:03}.png": picture(n) for n in part} for part in (range(60), range(60, 100)))
    dropped(page, **first)
    page.get_by_text("Uploading").wait_for()
    dropped(page, **second, **{"bad.png": b"no image"})
    press(page, "d")
    page.wait_for_function("document.querySelector('.pdc-upload-status').textContent.includes(' of 101')")
    page.get_by_text("100 of 101 stored.").wait_for(timeout=240_000)
    assert len(bench.store.images()) == 101 and page.get_attribute(".pda-picture", "alt") == "Image smear-00.png"
    assert page.locator(".pdc-upload-told li").count() == 1 and not page.errors
    page.close()
