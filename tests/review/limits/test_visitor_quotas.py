"""What one visitor of a Space may use up, and that the next one still gets theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import ASK, Desk
from pictures import encoded
from PIL import Image

from pdc.domain.errors import QuotaReached
from pdc.domain.values import Box, Question, Task
from pdc.review.limits.disk import Disk
from pdc.review.limits.quotas import Limits, Most, Quotas


class Shop(Desk):
    """A desk of a Space: two images, a megabyte and three questions a minute for each visitor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.service.private, self.now = True, 0.0
        most = Most(images=2, mb=1, questions=3)
        quotas = Quotas(self.store, self.service.files, most, exempt=lambda user: user == "owner", clock=lambda: self.now)
        self.service.limits = Limits(Disk(folder), quotas)

    def bring(self, who: str, colour: int, noisy: bool = False) -> str:
        picture = Image.effect_noise((700, 700), 90 + colour) if noisy else Image.new("L", (20, 20), colour)
        return self.service.add_image(encoded(picture.convert("RGB")), f"{colour}.png", owner=who)[0].sha256


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_visitor_may_bring_so_many_images_and_the_next_visitor_as_many(shop: Shop):
    shas = [shop.bring("anna", n) for n in (1, 2)]
    with pytest.raises(QuotaReached, match="You have brought 2 images, and each visitor of this Space may bring 2"):
        shop.bring("anna", 3)
    shop.service.retire(shas, "anna")
    with pytest.raises(QuotaReached):  # what is only out of the list still lies here
        shop.bring("anna", 3)
    shop.bring("bert", 3)
    assert [shop.bring("owner", n) for n in range(4, 8)]


def test_a_visitors_images_may_take_so_much_room(shop: Shop):
    with pytest.raises(QuotaReached, match="each visitor of this Space may keep 1 MB"):
        for n in (1, 2):
            shop.bring("anna", n, noisy=True)


def test_questions_are_counted_a_minute_and_known_answers_are_free(shop: Shop):
    sha = shop.bring("anna", 1)
    questions = [Question(Task.COUNTING, (label,)) for label in ("a", "b", "c", "d")]
    for question in questions[:3]:
        shop.service.predict(shop.service.open(sha, question, "anna"))
    with pytest.raises(QuotaReached, match=r"answered you 3 times within a minute. Wait 61 seconds"):
        shop.service.predict(shop.service.open(sha, questions[3], "anna"))
    with pytest.raises(QuotaReached):  # a closer look is a question too
        shop.service.zoom(shop.service.open(sha, ASK, "anna"), Box(0, 0, 9, 9))
    assert shop.service.open(sha, questions[0], "anna").prediction
    shop.now = 60.0
    shop.service.predict(shop.service.open(sha, questions[3], "anna"))
    assert len(shop.model.asked) == 4
