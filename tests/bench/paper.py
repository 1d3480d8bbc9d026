"""`python -m tests.bench.paper`: what fewer passes mean for Qwen2.5-VL-7B on a GPU, on paper. Nothing here was measured on one.

A pass takes as long as the slower of two: reading the weights, and the arithmetic. Constants and where they are from:

- Memory bandwidth and dense fp16/bf16 throughput: NVIDIA data sheets. T4: 320 GB/s, 65 TFLOPS. L4: 300 GB/s,
  121 TFLOPS (242 with sparsity). A100 80 GB SXM: 2,039 GB/s, 312 TFLOPS.
- Shapes: config.json of Qwen/Qwen2.5-VL-7B-Instruct: 28 layers, hidden 3,584, MLP 18,944, 28 heads and 4 key-value heads of 128,
  152,064 tokens; vision tower of 32 blocks, hidden 1,280, MLP 3,420.
- NF4: 4.127 bits a weight with double quantization (Dettmers et al. 2023, arXiv 2305.14314, section 3); vision and lm_head bf16.
- bitsandbytes 0.50 multiplies few tokens with the packed weights themselves; for more it writes the weights out in bf16 and
  multiplies those: 0.52 + 2 + 2 bytes of traffic a weight instead of 0.52. Which it does was asked of
  `_gemm_4bit_use_custom_cuda` in its backends/cuda/ops.py with the shapes of this model: T4 in bf16 packed below 8 tokens; L4
  packed to 16, 98 % of the weights to 32; A100 60 % of the weights to 48. Hence the decoder's NF4 windows.
- An answer has 243 tokens on average (the published answers of arXiv 2505.16647); an image of 640 x 480 has 391 visual tokens.
- Real kernels reach a part of both peaks: 0.7 of the bandwidth and 0.5 of the arithmetic are assumed.
- PASSES: measured on the embedded model (10 dev images of blood cells, its shipped adapter), with the decoder's window for each
  case. The 7B has no dense head yet and writes numbers digit by digit: its own share is not known.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pdc.inference.decoding.engine import GPU_WINDOW, NF4_WINDOW, NF4_WINDOW_OLD

BANDWIDTH_REACHED, ARITHMETIC_REACHED = 0.7, 0.5
HIDDEN, MLP, LAYERS, PAIRS, VOCABULARY = 3584, 18944, 28, 4 * 128, 152064
LINEAR = LAYERS * (2 * HIDDEN * HIDDEN + 2 * HIDDEN * PAIRS + 3 * HIDDEN * MLP)  # 6.5 billion weights that NF4 holds
LAST = VOCABULARY * HIDDEN
VISION = 32 * (4 * 1280 * 1280 + 3 * 1280 * 3420)
KEPT = LAYERS * 2 * PAIRS * 2  # bytes of keys and values a token
NF4 = 4.127 / 8
# passes of the language model per token, by the tokens a pass may run
PASSES = {NF4_WINDOW_OLD + 1: 0.31, NF4_WINDOW + 1: 0.19, GPU_WINDOW: 0.18}


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    bandwidth: float  # bytes a second
    arithmetic: float  # a second; a multiply-add counts as two
    window: int  # tokens that a drafting pass in 4 bit runs at most
    packed: float  # share of the weights that such a pass reads packed


GPUS = (
    Gpu("T4", 320e9, 65e12, NF4_WINDOW_OLD + 1, 1.0),
    Gpu("L4", 300e9, 121e12, NF4_WINDOW + 1, 0.98),
    Gpu("A100 80 GB", 2039e9, 312e12, NF4_WINDOW + 1, 0.6),
)


def traffic(gpu: Gpu, tokens: int, nf4: bool) -> float:
    """Bytes of weights that one pass over so many tokens moves."""
    packed = 1.0 if tokens == 1 else gpu.packed if tokens <= gpu.window else 0.0
    return LINEAR * (NF4 + 4 * (1 - packed) if nf4 else 2.0) + LAST * 2


def pass_seconds(gpu: Gpu, tokens: int, before: int, nf4: bool) -> float:
    reading = (traffic(gpu, tokens, nf4) + KEPT * before) / (gpu.bandwidth * BANDWIDTH_REACHED)
    computing = 2 * (LINEAR + LAST) * tokens / (gpu.arithmetic * ARITHMETIC_REACHED)
    return max(reading, computing)


def look_seconds(gpu: Gpu, visual: int, prompt: int, nf4: bool) -> float:
    """The vision tower (four patches a visual token), then the prompt."""
    seeing = 2 * VISION * visual * 4 / (gpu.arithmetic * ARITHMETIC_REACHED)
    return seeing + pass_seconds(gpu, visual + prompt, 0, nf4)


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--tokens", type=int, default=243, help="tokens of an answer")
    top.add_argument("--visual", type=int, default=391, help="visual tokens of the image")
    options = top.parse_args()
    print("GPU         weights  look   a token  a draft  plain   drafted  ratio  2nd question")
    for gpu in GPUS:
        for nf4 in (True, False):
            print(_row(gpu, nf4, options))


def _row(gpu: Gpu, nf4: bool, options: argparse.Namespace) -> str:
    before = options.visual + 60
    look = look_seconds(gpu, options.visual, 60, nf4)
    tokens = gpu.window if nf4 else GPU_WINDOW
    one, draft = (pass_seconds(gpu, n, before, nf4) for n in (1, tokens))
    plain, drafted = look + options.tokens * one, look + options.tokens * PASSES[tokens] * draft
    again = (drafted - look) / drafted
    return (
        f"{gpu.name:<12}{'NF4' if nf4 else 'bf16':<9}{look:>6.2f}s{one * 1e3:>7.0f}ms{draft * 1e3:>6.0f}ms{plain:>7.1f}s"
        f"{drafted:>8.1f}s{drafted / plain:>7.2f}{again:>10.2f} of 1st"
    )


if __name__ == "__main__":
    main()
