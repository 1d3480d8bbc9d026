"""Codes of samples that read like a person's name are pointed out."""

from __future__ import annotations

import pytest

from pdc.counting.sheet import looks_like_a_name


@pytest.mark.parametrize(
    "code", ["Anna Meier", "meier, anna", "Dr Who", "Frau Meier 2", "José Müller", "von der Heide", "Müller, Hans 3", "Meyer"]
)
def test_two_words_without_a_digit_or_a_title_read_like_a_name(code):
    assert looks_like_a_name(code)


@pytest.mark.parametrize("code", ["S-17", "S17 side a", "2026-0041", "slide 4 left", "A B", "lot", "control", "LAB 17 B", ""])
def test_a_code_does_not(code):
    assert not looks_like_a_name(code)
