"""Codes of samples that read like a person's name are pointed out."""

from __future__ import annotations

import pytest

from pdc.review.counting.sample_code import looks_like_a_name


@pytest.mark.parametrize("code", ["Anna Meier", "meier, anna", "Dr Who", "Frau Meier 2", "José Müller", "von der Heide"])
def test_two_words_without_a_digit_or_a_title_read_like_a_name(code):
    assert looks_like_a_name(code)


@pytest.mark.parametrize("code", ["S-17", "S17 side a", "2026-0041", "slide 4 left", "A B", "lot", "control", ""])
def test_a_code_does_not(code):
    assert not looks_like_a_name(code)
