"""Who has which image open: nobody is sent to an image that somebody else works on. Whoever chooses it by hand may open it."""

from __future__ import annotations

from pdc.review.service import ReviewService


class Claims:
    """Nothing where every reader has only images of their own. Where readers do not see each other's work, nobody is told."""

    def __init__(self, service: ReviewService) -> None:
        self.service, self.store = service, service.store

    def take(self, sha256: str, reader: str) -> bool:
        """Claim an image that the reader is to be sent to; False where somebody else has it."""
        return self.service.private or self.store.claim(sha256, reader, alone=True)

    def hold(self, sha256: str, reader: str) -> None:
        """A page of the reader has the image open, for two minutes unless it says so again. NotFound: they may not see it."""
        image = self.service.image(sha256, reader)
        if not self.service.private:
            self.store.claim(image.sha256, reader)

    def let_go(self, sha256: str, reader: str) -> None:
        """No page of the reader has it open any more."""
        if not self.service.private:
            self.store.let_go(sha256, reader)

    def elsewhere(self, reader: str) -> dict[str, str]:
        """The images that are open at somebody else: sha256 -> who."""
        return {} if self.service.private else self.store.open_elsewhere(reader)

    def told(self, reader: str) -> dict[str, str]:
        """The same, as far as this reader may know."""
        return {} if self.service.apart else self.elsewhere(reader)
