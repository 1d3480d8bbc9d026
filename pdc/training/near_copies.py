"""Images that show the same thing: each is compared once with all others, and what was found is kept."""

from __future__ import annotations

from collections.abc import Mapping, Set
from itertools import islice

from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Copies
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import RULE, ImageHash, hash_image, near_duplicate_pairs, show_the_same_whole
from pdc.store import Store

AT_ONCE = 2000  # images that are compared before what was found is kept


def near_copies(store: Store, images: ImageFiles, names: Set[str], progress: Progress = unseen) -> Copies:
    """The near copies among these images (sha256). Only those are looked at that were not compared before; a stop loses few."""
    while new := names - (known := store.compared_images(RULE))[0]:
        compared, since = known
        progress("Comparing images", len(names) - len(new), len(names))
        some = frozenset(islice(sorted(new), AT_ONCE))
        hashes = likenesses_of(store, images, compared | some)
        found = near_duplicate_pairs({name: hashes[name] for name in some}, hashes)
        pairs = {(min(pair), max(pair)) for pair in found if pair[0] != pair[1]}
        store.keep_compared(
            RULE, sorted(some), {(a, b): show_the_same_whole(hashes[a], hashes[b]) for a, b in sorted(pairs)}, since
        )
    progress("Comparing images", len(names), len(names))
    return store.near_copies(RULE, names)


def likenesses_of(store: Store, images: ImageFiles, names: Set[str], progress: Progress = unseen) -> Mapping[str, ImageHash]:
    """What tells near copies of these images (sha256). Made once an image, then kept; each at once, so that a stop loses none."""
    kept = store.likenesses(RULE)
    new = sorted(names - kept.keys())
    for name in follow("Looking for near copies", new, progress) if new else ():
        kept[name] = str(hash_image(images.path(name)))
        store.keep_likenesses(RULE, {name: kept[name]})
    return {name: ImageHash.parse(kept[name]) for name in sorted(names)}
