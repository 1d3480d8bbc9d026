"""The counting area set in the editor: found, by three clicks, drawn, typed; dragged, undone and kept, over the real routes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from counted import Bench
from drawn_chambers import drawn_chamber
from editor_page import Driver, H, W, box, editor_app, near
from fastapi import FastAPI, Response
from pictures import encoded
from PIL import Image as Pillow

from pdc.counting.chambers import TENTHS
from pdc.domain.errors import PdcError
from pdc.review.counting.areas import Areas
from pdc.web.area_route import add_area_route
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.refusals import say

pytestmark = pytest.mark.browser
CHAMBER = "Makler, grid"
CLASSES = [{"name": "red", "labels": ["red cell"], "key": "j"}]
SAID, PANEL = ".pda-area-said", ".pda-area"
Open = Callable[..., Driver]


class Fields:
    """A count of two drawn fields of a chamber; the first is on the screen."""

    def __init__(self, browser: Any, serve: Callable[[object], str], folder: Any) -> None:
        self.bench, received = Bench(folder), []
        self.drawn = drawn_chamber(4, TENTHS, 40, 8, size=(W, H), cells=18)
        pictures = [self.drawn.image, drawn_chamber(5, TENTHS, 40, 3, size=(W, H), cells=18).image]
        service = self.bench.service
        self.shas = [
            service.add_image(encoded(Pillow.fromarray(p)), f"{i}.png", "side")[0].sha256 for i, p in enumerate(pictures)
        ]
        counts = self.bench.counts
        self.session = counts.start("sperm-concentration", "S-1", ["side"], chamber=CHAMBER, reader=LOCAL_USER).id
        routes, app = FastAPI(), editor_app(received, [])
        add_area_route(routes, Access(self.bench.store, folder, login=False), Areas(service, counts))
        png = encoded(Pillow.fromarray(self.drawn.image))
        routes.get("/images/{name}")(lambda name: Response(png, media_type="image/png"))
        app.exception_handler(PdcError)(say)
        app.router.routes[:0] = routes.router.routes[-4:]  # before Gradio's, which take every path
        self.page = browser.new_page(viewport={"width": 1280, "height": 860})
        self.page.goto(serve(app))
        self.page.wait_for_selector(".pda-toolbar")
        self.driver = Driver(self.page, received, [])

    def open(self, *marks: dict, area: dict | None = None) -> Driver:
        border = {"kind": "two-sided", "out": ["right", "bottom"]}
        counting = {"session": self.session, "sample": "S-1", "protocol": "Sperm", "border": border, "area": area}
        counting |= {"classes": CLASSES, "before": {}, "earlier": {}, "least": 200, "of": ["red"], "each": True, "touch": 1}
        counting |= {"replicate": 1, "replicates": 2, "finish": "row", "place": 1, "places": 2}
        counting |= {"said": {"short": "go on.", "reached": "finish the row."}}
        image = {"url": f"/images/{self.shas[0]}.png", "width": W, "height": H, "name": "0.png"}
        self.driver.open(*marks, image=image, counting=counting)
        self.driver.press("Shift+B")
        self.driver.until(lambda: self.driver.js("Boolean(e.area.known)"), "what is known of the field")
        return self.driver

    def area(self) -> dict:
        return self.driver.js("JSON.parse(JSON.stringify(e.doc.head.counting.area))")

    def press(self, words: str) -> None:
        self.page.locator(PANEL).get_by_role("button", name=words, exact=True).click()

    def kept(self) -> list[Any]:
        return [field.area for field in self.bench.counts.fields(self.session)]

    def until_closed(self) -> None:
        self.driver.until(lambda: not self.page.locator(PANEL).is_visible(), "the panel to close")


@pytest.fixture(scope="module")
def fields(browser: Any, serve: Callable[[object], str], tmp_path_factory: Any) -> Iterator[Fields]:
    made = Fields(browser, serve, tmp_path_factory.mktemp("area"))
    yield made
    made.page.close()


def test_the_grid_is_found_dragged_by_whole_squares_undone_and_kept(fields: Fields):
    driver = fields.open(box("in", 150, 120, 170, 140), box("out", 2, 2, 12, 12))
    fields.press("Find the grid")
    driver.until(lambda: fields.area() and "squares" in fields.area(), "the grid")
    found = fields.area()
    assert near([found["shape"]["angle"], found["mm_per_pixel"] * 1000], [8, 2.5], 0.3)
    assert f"{found['squares']} squares" in driver.text(SAID) and "grid found in the image" in driver.text(SAID)
    assert driver.text(".pda-field").startswith("counted 1, left out 1")
    east, middle = (driver.js("e.area.shape") for _ in range(2))
    grips = {
        g["name"]: g["at"]
        for g in driver.js(
            "[...e.area.drawn.children]"
            ".map((n) => ({name: n.dataset.grip, at: n.getAttribute('d').slice(1, -2).split(' ').map(Number)}))"
        )
    }
    (x, y), columns = grips["e"], round(east["width"] / 40)
    driver.drag((x, y), (x - 50, y - 7))
    smaller = fields.area()
    assert smaller["squares"] == found["squares"] // columns * (columns - 1) and near(
        [smaller["shape"]["width"]], [middle["width"] - 40], 1
    )
    driver.press("Control+z")
    assert fields.area() == found
    fields.press("Use it")
    fields.until_closed()
    assert fields.kept()[0].squares == found["squares"] and fields.kept()[1] is None


def test_three_clicks_make_squares_and_a_wrong_corner_is_said(fields: Fields):
    driver = fields.open()
    fields.press("Three clicks")
    assert driver.text(SAID) == "Click a corner of the grid, on its lines."
    fields.page.get_by_label("Squares along the next side").fill("2")
    for place in ((290, 40), (370, 50), (330, 200)):
        driver.click(*place)
    driver.until(lambda: "do not make 4 by 2 squares" in driver.text(SAID), "the server's sentence")
    fields.press("Three clicks")
    for place in ((290, 100), (370, 100), (370, 140)):
        driver.click(*place)
    driver.until(lambda: fields.area() and fields.area().get("squares") == 8, "eight squares")
    assert near([fields.area()["mm_per_pixel"] * 1000], [5], 0.1)
    driver.press("Escape")
    fields.until_closed()
    assert fields.area() is None  # as it was


def test_a_polygon_a_typed_pixel_and_the_same_for_all_fields(fields: Fields):
    driver = fields.open()
    fields.press("Polygon")
    for place in ((290, 60), (380, 60), (380, 200), (290, 60)):
        driver.click(*place)
    assert fields.area()["shape"]["kind"] == "polygon" and "no unit" in driver.text(SAID)
    size = fields.page.get_by_label("Micrometres per pixel")
    size.fill("0.5")
    size.press("Tab")
    assert "0.00158 mm²" in driver.text(SAID) and "typed by the reader" in driver.text(SAID)
    fields.page.get_by_label("the same for all fields of this replicate").check()
    fields.press("Use it")
    fields.until_closed()
    assert [area.shape.kind for area in fields.kept()] == ["polygon", "polygon"]
    assert [area.mm_per_pixel for area in fields.kept()] == [0.0005, 0.0005]


def test_a_quarter_of_a_dish_is_dragged_and_enter_keeps_it(fields: Fields):
    driver = fields.open()
    fields.press("Dish")
    driver.until(lambda: fields.area() and fields.area()["shape"]["kind"] == "disc", "a circle")
    assert driver.text(SAID) == "No rim was found for certain. Drag the circle to it."
    driver.drag((W / 2 + 0.45 * H, H / 2), (W / 2 + 100, H / 2))
    fields.page.locator(PANEL).get_by_label("Counted", exact=True).select_option("90")
    assert near([fields.area()["shape"]["radius"], fields.area()["shape"]["span"]], [100, 90], 1.5)
    fields.page.locator(".pda-canvas").focus()
    driver.press("Enter")
    fields.until_closed()
    assert fields.kept()[0].part == 0.25
