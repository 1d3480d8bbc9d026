"""The model card's numbers, written by a command: `python -m finetune tiny --stages card`.

A block of the card's README.md lies between `<!-- numbers: NAME -->` and `<!-- end -->`. Each is written anew from what the other
stages left in the working folder; where that is absent, the block stays as it is. The text around the blocks is never touched.
"""

from __future__ import annotations

import re
from pathlib import Path

from finetune.tiny.report.blocks import BLOCKS, Measured
from pdc import files
from pdc.domain.errors import BadSetting

CARD = "README.md"
BLOCK = re.compile(r"(<!-- numbers: (?P<name>[^\n]+?) -->\n)(?P<text>.*?)(\n?<!-- end -->)", re.DOTALL)
OPENED, CLOSED = "<!-- numbers:", "<!-- end -->"


def write_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Write the blocks of the card in the model's folder, and say which; the other parameters are those of every stage."""
    path = model / CARD
    if not path.is_file():
        print(f"{path} is not there, so no card was written. Copy the card of the shipped model there first.")
        return
    before = files.read_text(path)
    after, written, kept = rewrite(before, Measured(model, out))
    files.write(path, after.encode())
    print(f"{path}: wrote {', '.join(written) or 'nothing'}.")
    if kept:
        print(f"Kept as they were, because {out} has no numbers for them: {', '.join(kept)}.")


def rewrite(card: str, measured: Measured) -> tuple[str, list[str], list[str]]:
    """The card with its numbers, the names of the blocks that were written, and of those that were kept.

    BadSetting when a block is not closed or nobody knows its name.
    """
    names = [found["name"] for found in BLOCK.finditer(card)]
    if not len(names) == card.count(OPENED) == card.count(CLOSED):
        raise BadSetting("A block of numbers in the card is not closed: {mark} must follow each.", mark=CLOSED)
    if unknown := ", ".join(name for name in names if name not in BLOCKS):
        known = ", ".join(BLOCKS)
        raise BadSetting("The card has blocks that no stage measures: {unknown}. Known: {known}.", unknown=unknown, known=known)
    texts = {name: BLOCKS[name](measured) for name in names}

    def written(found: re.Match[str]) -> str:
        text = texts[found["name"]]
        return found[0] if text is None else f"{found[1]}{text}\n{CLOSED}"

    return BLOCK.sub(written, card), [n for n in names if texts[n] is not None], [n for n in names if texts[n] is None]
