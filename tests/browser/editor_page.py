"""The editor inside a small Gradio app, and hands and eyes on it: what the editor's tests share."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

W, H = 400, 300
LABELS = ["red cell", "platelet", "white cell"]
_cases = itertools.count(1)


def box(name: str, *xyxy: float, label: str = LABELS[0], origin: str = "model", score: float | None = 0.5) -> dict:
    return {"id": name, "label": label, "box": list(xyxy), "origin": origin, "status": "open", "score": score}


def point(name: str, x: float, y: float, label: str = LABELS[0]) -> dict:
    return {"id": name, "label": label, "point": [x, y], "origin": "model", "status": "open", "score": None}


def draft(*marks: dict, kind: str = "box", **kw: Any) -> dict:
    task = {"box": "count_and_box", "point": "cnt_and_point", "count": "counting"}[kind]
    image = {"url": "/picture.png", "width": W, "height": H, "name": "picture.png"}
    value = {"case": f"case-{next(_cases)}", "rev": 0, "edits": 0, "image": image, "task": task, "labels": LABELS}
    return {**value, "kind": kind, "marks": list(marks), "stated": {}, "readonly": False, **kw}


def _png() -> bytes:
    from PIL import Image

    rows, columns = np.mgrid[0:H, 0:W]
    pixels = np.stack([columns * 255 // W, rows * 255 // H, (columns // 20 + rows // 20) % 2 * 80 + 90], axis=-1)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def editor_app(received: list[dict], keys: list[str]) -> object:
    """An editor that autosaves into `received`; what is typed into `answer` is what the server answers with."""
    import gradio as gr
    from fastapi import FastAPI, Response

    from pdc.web.ui import scripts
    from pdc.web.ui.annotator import Annotator

    app = FastAPI()
    scripts.add_routes(app)
    png = _png()
    app.get("/picture.png")(lambda: Response(png, media_type="image/png"))

    def autosave(value: dict) -> None:
        time.sleep(0.02)
        received.append(value)

    with gr.Blocks(title="Editor") as blocks:
        with gr.Tabs():
            with gr.Tab("Image"):
                editor = Annotator(elem_id="editor")
            with gr.Tab("Other"):
                gr.Markdown("Another tab")
        answer = gr.Textbox(elem_id="answer", label="answer")
        gr.Button("Answer", elem_id="send").click(json.loads, answer, editor, show_progress="hidden")
        editor.edit(autosave, editor, None, queue=False, show_progress="hidden", trigger_mode="always_last")
        for name in ("save", "next", "previous", "stop", "closer"):
            tell = partial(_note, keys, name)
            getattr(editor, name)(tell, editor, None, queue=False, show_progress="hidden", trigger_mode="multiple")
    theme = gr.themes.Base(font=["sans-serif"], font_mono=["monospace"])
    return gr.mount_gradio_app(app, blocks, path="/", head=scripts.head_html(), theme=theme)


def _note(keys: list[str], name: str, value: dict) -> None:
    region = f" {[round(v) for v in value['region']]}" if "region" in value else ""
    keys.append(f"{name} {value['case']}{region}")


def let_through(route: Any) -> None:
    route.continue_()


class Driver:
    """Hands and eyes on the editor. Places are in image pixels; `screen` asks the browser where it shows the image."""

    def __init__(self, page: Any, received: list[dict], keys: list[str]) -> None:
        self.page, self.received, self.keys = page, received, keys
        self.answer_calls: Callable[[Any], object] = let_through

    def intercept(self, pattern: str) -> None:
        """From here on `answer_calls` decides on each call to such a URL; to be asked for before the page is opened. A route that
        is put in or taken out while the page runs does not hold for calls that begin at that moment."""
        self.page.route(pattern, lambda route: self.answer_calls(route))

    def js(self, expression: str, argument: object = None) -> Any:
        script = f"(arg) => {{ const e = document.querySelector('.pdc-editor').pdc; return ({expression}); }}"
        return self.page.evaluate(script, argument)

    def open(self, *marks: dict, **kw: Any) -> dict:
        value = draft(*marks, **kw)
        self.js("(e.link.put(arg), e.receive(arg))", value)
        self.page.evaluate("document.activeElement.blur()")
        self.press("v")
        self.received.clear()
        return value

    def value(self) -> dict:
        return self.js("JSON.parse(JSON.stringify(e.doc.value()))")

    def marks(self) -> dict[str, dict]:
        return {mark["id"]: mark for mark in self.value()["marks"]}

    def screen(self, x: float, y: float) -> tuple[float, float]:
        picture = self.page.locator(".pda-picture").bounding_box()
        return picture["x"] + x * picture["width"] / W, picture["y"] + y * picture["height"] / H

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Screen -> image."""
        picture = self.page.locator(".pda-picture").bounding_box()
        return (x - picture["x"]) * W / picture["width"], (y - picture["y"]) * H / picture["height"]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.screen(x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        (x1, y1), (x2, y2) = self.screen(*start), self.screen(*end)
        self.page.mouse.move(x1, y1)
        self.page.mouse.down(button=button)
        self.page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2)
        self.page.mouse.move(x2, y2)
        self.page.mouse.up(button=button)

    def selected(self) -> str | None:
        return self.js("e.doc.selected")

    def scale(self) -> float:
        return self.page.locator(".pda-picture").bounding_box()["width"] / W

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def answer(self, value: dict) -> None:
        """What the server answers, by the way every answer takes: through Gradio."""
        self.page.locator("#answer textarea").fill(json.dumps(value))
        self.page.locator("#send").click()

    def until(self, true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 30
        while not true():
            assert time.monotonic() < deadline, f"waited 30 seconds for {what}"
            self.page.wait_for_timeout(20)


def near(actual: list[float], expected: list[float], within: float = 1.0) -> bool:
    return len(actual) == len(expected) and all(abs(a - b) <= within for a, b in zip(actual, expected, strict=True))
