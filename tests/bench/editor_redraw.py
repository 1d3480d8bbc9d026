"""How long the editor takes to draw: `python tests/bench/editor_redraw.py`. Medians in milliseconds, measured in the page.

"moved" and "judged" change every mark and redraw, "one" is one edit. "script" is our code, "layout" what the browser computes
from it. "cpu" is what the page's thread worked for a run, whatever else the machine does; it is known on Linux only.
"""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

RUNS = 41
TIMES = """([mode, runs]) => {
    const e = document.querySelector(".pdc-editor").pdc;
    const every = (change) => {
        e.doc.state = { ...e.doc.state, marks: e.doc.marks.map((m) => Object.freeze(change(m))) };
        return () => e.render();
    };
    const acts = {
        moved: (run) => every((m) => ({ ...m, box: m.box.map((v) => v + (run % 2 ? 1 : -1)) })),
        judged: (run) => every((m) => ({ ...m, status: run % 2 ? "accepted" : "open" })),
        one: (run) => () => e.doc.reshape("m1", { box: [run, run, run + 20, run + 20] }),
    };
    const times = Array.from({ length: runs }, (_, run) => {
        const act = acts[mode](run + 1);
        const start = performance.now();
        act();
        const scripted = performance.now();
        e.canvas.getBBox();
        return [performance.now() - start, scripted - start];
    });
    const median = (at) => times.map((t) => t[at]).sort((a, b) => a - b)[runs >> 1];
    return [median(0), median(1), Math.min(...times.map((t) => t[0]))];
}"""


def serve(app: object) -> str:
    import uvicorn

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{port}/"


def worked_ms(browser: Any) -> float:
    """What the main threads of all pages have worked so far."""
    found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    paths = [Path(f"/proc/{p['id']}/task/{p['id']}/schedstat") for p in found if p["type"] == "renderer"]
    return sum(int(path.read_text().split()[0]) / 1e6 for path in paths if path.exists()) or float("nan")


def main() -> None:
    from conftest import FLAGS
    from editor_page import Driver, box, editor_app
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(serve(editor_app([], [])))
        page.wait_for_selector(".pda-toolbar")
        driver = Driver(page, [], [])
        print("marks  what     median  script  layout  fastest     cpu")
        for n in (500, 2000):
            driver.open(*(box(f"m{i}", i % 50 * 7, i // 50 * 6, i % 50 * 7 + 6, i // 50 * 6 + 5) for i in range(n)))
            for mode in ("moved", "judged", "one"):
                page.wait_for_timeout(500)
                before = worked_ms(browser)
                total, script, fastest = page.evaluate(TIMES, [mode, RUNS])
                cpu = (worked_ms(browser) - before) / RUNS
                print(f"{n:5}  {mode:6}  {total:7.1f} {script:7.1f} {total - script:7.1f} {fastest:8.1f} {cpu:7.1f}")
        browser.close()


if __name__ == "__main__":
    main()
