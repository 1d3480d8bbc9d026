"""Options that take several values, or none, written out as typer reads them: one value each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SEVERAL = {"--order", "--stages", "--labels"}  # `--order uncertainty random`
ALONE = {"--preference": "1.0"}  # what it means without a value


def each_alone(words: Sequence[str]) -> list[str]:
    """The words, with `--order a b` as `--order a --order b`, and `--preference` alone with its value."""
    return list(_each_alone(words))


def _each_alone(words: Sequence[str]) -> Iterator[str]:
    option, values = "", 0
    for word, after in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("-"):
            option, values = word, 0
        else:
            values += 1
            if option in SEVERAL and values > 1:
                yield option
        yield word
        if word in ALONE and after.startswith("-"):
            yield ALONE[word]
