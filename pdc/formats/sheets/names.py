"""Whether a code may be a person's name. A sheet leaves the lab; a name on it does too."""

from __future__ import annotations

import re

NAMED = re.compile(r"[^\W\d_]*[^\W\d_A-Z][^\W\d_]+")  # a word of letters, not all of them capitals


def like_a_name(code: str) -> bool:
    """Two words that begin with a capital, such as "Doe, Jane", or one and no digit at all. It errs towards yes."""
    words = [w for w in re.findall(r"[^\W\d_]{2,}", code) if w[0].isupper() and not w.isupper()]
    return len(words) > 1 or (len(words) == 1 and not any(map(str.isdigit, code)))
