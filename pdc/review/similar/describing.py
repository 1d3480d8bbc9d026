"""What images look like, kept beside the answers: a vector of each, and the hash that tells its copies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from pdc.domain.errors import PdcError
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import RULE, hash_image
from pdc.review.similar.matrix import pack
from pdc.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PilImage

log = logging.getLogger(__name__)
Describe = Callable[["PilImage"], "np.ndarray | None"]
"""what the model's vision tower sees in an image; None where it does not tell"""


class Describer:
    """One thread behind the answers, which wait for nothing. `model` tells the weights apart whose vectors can be compared."""

    def __init__(self, store: Store, files: ImageFiles, describe: Describe, model: str) -> None:
        self.store, self.model = store, model
        self._files, self._describe, self._lock = files, describe, Lock()
        self._waiting: SimpleQueue[str] = SimpleQueue()
        self._asked: set[str] = set()
        self._thread: Thread | None = None
        self.silent = False  # the model does not tell what it sees

    def add(self, sha256: str) -> None:
        """Have the image described soon, unless it is or will be."""
        with self._lock:
            if self.silent or sha256 in self._asked:
                return
            self._asked.add(sha256)
            self._waiting.put(sha256)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="describer", daemon=True)
                self._thread.start()

    def keep(self, sha256: str) -> bool:
        """Describe the image now and keep that; whether it was told. Raises what went wrong."""
        if self.store.has_vector(sha256, self.model):
            return True
        description = self._describe(self._files.open(sha256))
        if description is None:
            self.silent = True
            return False
        if not self.store.likenesses(RULE, [sha256]):
            self.store.keep_likenesses(RULE, {sha256: str(hash_image(self._files.path(sha256)))})
        self.store.keep_vector(sha256, self.model, pack(description))
        return True

    def _run(self) -> None:
        while True:
            sha256 = self._waiting.get()
            try:
                self.keep(sha256)
            except PdcError as error:
                log.warning("What %s looks like could not be kept: %s", sha256[:12], error)
            except Exception:
                log.exception("What %s looks like could not be kept", sha256[:12])
            finally:
                with self._lock:
                    self._asked.discard(sha256)
