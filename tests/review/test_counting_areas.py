"""The counting area of a field: found in its image, set by three clicks, and kept for a field or its replicate."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted import Bench
from drawn_chambers import drawn_chamber
from pictures import encoded
from PIL import Image as Pillow

from pdc.counting.chambers import TENTHS
from pdc.domain.errors import NotFound
from pdc.review.counting.areas import Areas, NoChamber

MAKLER = "Makler, grid"


class Lab(Bench):
    def __init__(self, folder: Path, **options: bool) -> None:
        super().__init__(folder, **options)
        self.areas = Areas(self.service, self.counts)

    def chamber(self, seed: int, group: str, ruled: bool = True) -> str:
        drawn = drawn_chamber(seed, TENTHS if ruled else None, 40, 6, size=(400, 300), cells=25)
        return self.service.add_image(encoded(Pillow.fromarray(drawn.image)), f"{seed}.png", group)[0].sha256


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_grid_that_is_found_gives_squares_and_a_volume_and_one_that_is_not_is_asked_for(lab: Lab):
    ruled, plain = lab.chamber(1, "side 1"), lab.chamber(2, "side 1", ruled=False)
    id = lab.counts.start("sperm-concentration", "S-1", ["side 1"], chamber=MAKLER, reader="ada").id
    known = lab.areas.known(id, ruled, "ada")
    assert known.chamber and known.chamber.name == MAKLER and known.replicate == 1 and known.mm_per_pixel is None
    found = lab.areas.grid(id, ruled, "ada").area
    assert found and found.squares and found.mm_per_pixel == pytest.approx(0.1 / 40, rel=0.005)
    kept = lab.areas.set(id, ruled, found.to_json(), False, "ada")
    assert kept == found and lab.counts.fields(id)[0].squares == found.squares and lab.counts.fields(id)[1].area is None
    nothing = lab.areas.grid(id, plain, "ada")
    assert nothing.area is None
    assert str(nothing.said) == "No grid of this chamber was found for certain. Set three of its corners."


def test_three_corners_are_squares_of_the_sessions_chamber(lab: Lab):
    sha = lab.chamber(1, "side 1")
    id = lab.counts.start("sperm-concentration", "S-1", ["side 1"], chamber="Malassez, rectangles", reader="ada").id
    assert "is not looked for" in str(lab.areas.grid(id, sha, "ada").said)
    area = lab.areas.corners(id, sha, ((50, 50), (150, 50), (150, 130)), (4, 4), "ada").area
    assert area and area.squares == 16 and area.mm2() == pytest.approx(16 * 0.05)
    assert lab.areas.set(id, sha, area.to_json(), False, "ada") == area


def test_an_area_is_kept_for_all_fields_of_its_replicate_and_for_no_other(lab: Lab):
    session = lab.begin((3, 2))
    shas = [f.sha256 for f in session.fields]
    typed = {"shape": {"kind": "disc", "x": 20, "y": 15, "radius": 9}, "mm_per_pixel": 0.01, "source": "typed by the reader"}
    lab.areas.set(session.id, shas[1], typed, True, "ada")
    assert [f.area is not None for f in lab.counts.fields(session.id)] == [True, True, True, False, False]
    lab.areas.set(session.id, shas[0], None, False, "ada")
    assert [f.area is not None for f in lab.counts.fields(session.id)] == [False, True, True, False, False]


def test_a_count_without_a_chamber_has_no_grid_and_strangers_have_nothing(lab: Lab, tmp_path: Path):
    lab.side("slide", 1)
    id = lab.counts.start("ki-67-global", "S-2", ["slide"], reader="ada").id
    sha = lab.counts.fields(id)[0].sha256
    with pytest.raises(NoChamber, match="Type the size of a pixel"):
        lab.areas.grid(id, sha, "ada")
    (tmp_path / "space").mkdir()
    space = Lab(tmp_path / "space", private=True)
    own = space.image("a.png", "g", owner="ada").sha256
    other = space.counts.start("ki-67-global", "S-3", ["g"], reader="ada").id
    for ask in (space.areas.known, space.areas.dish):
        with pytest.raises(NotFound):
            ask(other, own, "eve")
    with pytest.raises(NotFound):
        space.areas.set(other, own, None, True, "eve")
