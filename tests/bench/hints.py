"""How many hints the truth of dev images gets in the editor: each is a false alarm. `python tests/bench/hints.py --data DATA`"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "bench")]

KINDS = ("blood_cells", "nuclei", "polyps")


def main() -> None:
    from conftest import FLAGS
    from editor_page import editor_app
    from editor_redraw import serve
    from PIL import Image
    from playwright.sync_api import sync_playwright

    from finetune.data.coco import read_coco
    from pdc.domain.values import Task
    from pdc.web.ui.annotator import mark_value
    from pdc.web.ui.scripts import import_expression

    top = argparse.ArgumentParser(description=__doc__)
    top.add_argument("--data", type=Path, required=True)
    top.add_argument("--images", type=int, default=10, help="of each kind")
    told = top.parse_args()
    script = f"""async ([marks, width, height]) => {{
        const {{ atEdge, check }} = await {import_expression("annotator/checks.js")};
        const size = {{ width, height }};
        return [[...check(marks, size, "box").values()].map(({{ kind }}) => kind), atEdge(marks, size)];
    }}"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.goto(serve(editor_app([], [])))
        page.wait_for_selector(".pda-toolbar")
        for kind in KINDS:
            rows = read_coco(told.data / kind / "dev.json", Task.COUNT_AND_BOX)[: told.images]
            hints, marks, edge, images = Counter[str](), 0, 0, 0
            for row in rows:
                width, height = Image.open(row.path).size
                found, cut = page.evaluate(script, [[mark_value(m) for m in row.findings.marks], width, height])
                hints.update(found)
                images += bool(found)
                marks, edge = marks + len(row.findings.marks), edge + cut
            said = ", ".join(f"{n} {name}" for name, n in hints.items()) or "none"
            print(f"{kind}: {len(rows)} images, {marks} marks; hints: {said}, in {images} images; cut by the edge: {edge}")
        browser.close()


if __name__ == "__main__":
    main()
