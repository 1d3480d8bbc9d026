"""Fused LoRA layers for training on a CPU: y = x W^T + b + s (x A^T) B^T as one autograd function.

PEFT computes the same sum in separate steps, with copies to float32 and back. 4-bit weights are dequantised once, not twice a
step, where all of them together are small. Adapters that are switched off, mixed, or more than plain LoRA (dropout, DoRA) go
through PEFT as before.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

DEQUANTISED_BYTES = 1 << 30  # of dequantised 4-bit weights, at most; a larger model's are dequantised at every call


def fuse_lora(model: nn.Module) -> None:
    """Replace the forwards of the model's LoRA layers."""
    from peft.tuners.lora import LoraLayer

    found = [(m, m.get_base_layer()) for m in model.modules() if isinstance(m, LoraLayer)]
    layers = [(m, base) for m, base in found if isinstance(base, nn.Linear)]
    keep = sum(2 * base.in_features * base.out_features for _, base in layers) <= DEQUANTISED_BYTES
    for layer, base in layers:
        plain = all(isinstance(d, nn.Identity) for d in layer.lora_dropout.values()) and not any(layer.use_dora.values())
        if plain and (keep or _quant_state(base) is None):
            layer.forward = _FusedForward(layer)


def _quant_state(linear: nn.Linear) -> Any | None:
    """How bitsandbytes packed the weights; None when they are not in 4 bit."""
    return getattr(linear.weight, "quant_state", None)


class _FusedForward:
    """The forward of one LoRA layer: fused where exactly one adapter is active, PEFT's own otherwise."""

    def __init__(self, module: Any) -> None:
        self.module, self.original = module, module.forward
        self.weight: Tensor | None = None  # dequantised; the base's weights never change in training

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        m = self.module
        active = [name for name in m.active_adapters if name in m.lora_A]
        if args or kwargs or m.disable_adapters or m.merged or len(active) != 1:
            return self.original(x, *args, **kwargs)
        name, dtype = active[0], torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        base = m.get_base_layer()
        bias = None if base.bias is None else base.bias.to(dtype)
        return _LoraLinear.apply(
            x.to(dtype), self._weight(base, dtype), bias, m.lora_A[name].weight, m.lora_B[name].weight, m.scaling[name]
        )

    def _weight(self, base: nn.Linear, dtype: torch.dtype) -> Tensor:
        """The base's weight W [out, in]."""
        packed = _quant_state(base)
        if packed is None:
            return base.weight.to(dtype)
        if self.weight is None or self.weight.dtype != dtype:
            from bitsandbytes.functional import dequantize_4bit

            state = copy(packed)
            state.dtype = dtype
            self.weight = dequantize_4bit(base.weight.data, state)
        return self.weight


class _LoraLinear(torch.autograd.Function):
    """y = x W^T + b + (x A^T) B'^T with B' = s B. W and b are frozen; x, A and B get gradients.

    With G the gradient of y:  dx = G W + (G B') A,  dA = (G B')^T x,  dB = s G^T (x A^T).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        flat, a, b = x.flatten(0, -2), a.to(x.dtype), (b * scale).to(x.dtype)
        low_rank = flat @ a.T
        ctx.save_for_backward(flat, weight, low_rank, a, b)
        ctx.scale = scale
        return nn.functional.linear(flat, weight, bias).addmm_(low_rank, b.T).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, low_rank, a, b = ctx.saved_tensors
        shape, grad = grads[0].shape, grads[0].flatten(0, -2)
        grad_low_rank = grad @ b
        grad_x = (grad @ weight).addmm_(grad_low_rank, a).view(*shape[:-1], -1) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, (grad_low_rank.T @ x).float(), ctx.scale * (grad.T @ low_rank).float(), None
