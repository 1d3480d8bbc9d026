"""Which launcher the settings name."""

from __future__ import annotations

from pdc.domain.errors import BadSetting
from pdc.jobs.launching.base import Launcher
from pdc.jobs.launching.cluster import RayLauncher
from pdc.jobs.launching.local import LocalLauncher

RAY = "ray"


def launcher_of(said: str, gpus: float = 0) -> Launcher:
    """`local`; `ray`, the cluster that this machine belongs to; or a cluster's address, as `ray://head:10001` or `head:6379`."""
    if said == "local":
        return LocalLauncher()
    if said == RAY:
        return RayLauncher(gpus=gpus)
    if ":" in said:
        return RayLauncher(said, gpus)
    raise BadSetting(f"PDC_LAUNCHER is {said!r}; use local, ray, or the address of a Ray cluster.")
