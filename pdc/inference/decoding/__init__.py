"""The answer engine: the grammar's answer, greedy to the token, in as few passes of the model as it takes."""

from pdc.inference.decoding.engine import Decoder
from pdc.inference.types import Decoded, TokenStep

__all__ = ["Decoded", "Decoder", "TokenStep"]
