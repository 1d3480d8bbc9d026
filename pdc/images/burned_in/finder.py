"""Asks a child process where text is burned into an image. One image at a time; the process is started at the first, and kept."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Timer
from typing import IO, Any

import pdc
from pdc.domain.errors import PdcError
from pdc.domain.values import Box
from pdc.images import decode_worker

WORKER = "pdc.images.burned_in.worker"
SECONDS = 60.0  # for one image, and the start of the process with the first
REMEMBERED = 512  # images whose boxes are kept: whoever is asked sends the file again
PADDING = 0.2  # of a box's shorter side, so that no edge of a letter is left


class NotLookedThrough(PdcError):
    """The image could not be looked through for text."""


class TextFinder:
    """Finds boxes around text in pictures of ours. Any thread."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, bool], tuple[Box, ...]] = OrderedDict()

    def boxes(self, png: bytes, sha256: str, size: tuple[int, int], *, any_text: bool = False) -> tuple[Box, ...]:
        """Around text that may say who somebody is, or with `any_text` around all, padded and inside the image of this size
        (width, height). NotLookedThrough when it took too long or the process died."""
        with self._lock:
            if (key := (sha256, any_text)) not in self._known:
                self._known[key] = tuple(_padded(box, size) for box in self._asked(png, any_text))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return self._known[key]

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()

    def _asked(self, png: bytes, any_text: bool) -> list[list[float]]:
        timed_out = Event()
        said = self._answer(png, any_text, timed_out)
        if said is None and not timed_out.is_set():  # it was dying already
            said = self._answer(png, any_text, timed_out)
        if said is None:
            why = f"it took longer than {self.seconds:g} s" if timed_out.is_set() else "the process ended"
            raise NotLookedThrough("The image was not looked through for text: {why}.", why=why)
        if "error" in said:
            raise NotLookedThrough("The image was not looked through for text: {why}.", why=said["error"])
        return said["boxes"]

    def _answer(self, png: bytes, any_text: bool, timed_out: Event) -> dict[str, Any] | None:
        process = self._alive()
        timer = Timer(self.seconds, lambda: (timed_out.set(), process.kill()))
        timer.start()
        try:
            questions, answers = _pipes(process)
            decode_worker.send(questions, {"any": any_text}, png)
            said = decode_worker.receive(answers)
        except OSError:
            said = None
        finally:
            timer.cancel()
        if said is None:
            self.stop()
        return said[0] if said else None

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = _start()
        return self._process


def _start() -> subprocess.Popen[bytes]:
    home = str(Path(pdc.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        )
    except OSError as error:
        raise NotLookedThrough("The image was not looked through for text: {why}.", why=error.strerror) from error


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _padded(box: list[float], size: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = box
    by, (width, height) = max(2.0, PADDING * min(x2 - x1, y2 - y1)), size
    return Box(max(0.0, x1 - by), max(0.0, y1 - by), min(float(width), x2 + by), min(float(height), y2 + by))


FINDER = TextFinder()
atexit.register(FINDER.stop)
