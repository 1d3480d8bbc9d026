"""The answer engine: the grammar's answer, greedy to the token, in as few passes of the model as it takes."""

from pdc.decoding.decoder import Decoder
from pdc.decoding.values import Decoded, Step

__all__ = ["Decoded", "Decoder", "Step"]
