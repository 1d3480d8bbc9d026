"""How many files, connections among them, this process may have open; many systems give 1,024 at first and allow more."""

from __future__ import annotations

from pdc.domain.errors import BadSetting

WANTED = 16_384
LEAST = 512
FREE = 16_384  # where the system sets no limit of this kind


def raised() -> int:
    """As many as this user may have, up to what is wanted, from now on; the number. BadSetting where that is too few."""
    try:
        import resource
    except ImportError:  # Windows
        return FREE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        soft = _set(most, hard, soft)
    now = most if soft == resource.RLIM_INFINITY else soft
    if now < LEAST:
        raise BadSetting(
            "PDC may open only {n} files at once and needs {least}. Raise the limit, as with `ulimit -n 4096`.",
            n=now,
            least=LEAST,
        )
    return now


def _set(wanted: int, hard: int, before: int) -> int:
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # some systems refuse though they named that limit
        return before
    return wanted
