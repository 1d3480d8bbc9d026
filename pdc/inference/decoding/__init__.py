"""The answer engine: greedy decoding under a grammar, made fast by speculative decoding and an image (prefix) cache.

Read it in this order: `engine` (one forward pass after the other), `sequence` (which drafted tokens stand), `speculation`
(where drafts come from), `partial_answer` (a half-written answer, parsed), `grammar` (which tokens are legal),
`image_cache` and `kv_cache` (what need not be computed again), `backends` and `cpu_model` (the forward pass itself), and
`confidence` (token probabilities become a score per mark).
"""

from pdc.inference.decoding.engine import Decoder
from pdc.inference.types import Decoded, TokenStep

__all__ = ["Decoded", "Decoder", "TokenStep"]
