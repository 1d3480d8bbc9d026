"""The loss of a step: the weighted mean over the answers' tokens of all its questions.

    loss = sum of w_t l_t / sum of w_t

with w_t of `finetune.data.loss_weights` and l_t the token's cross entropy in nats, of coordinates that are tokens the ordinal
one. Both sums run over the whole step: over every part of it that goes through the model by itself (gradient accumulation), and
over every process. So the gradient is that of one large batch, however the step is cut.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from finetune.data.packing import IGNORED, TASKS
from finetune.train.ordinal_loss import NumberTokens

LOSS_OF = "loss/"  # before a task's name, in the trainer's logs


def weighted_loss(trainer_class: type, numbers: NumberTokens | None) -> type:
    """TRL's SFT trainer with this loss, for batches of `Packer`; `numbers` are the tokenizer's number tokens, if it has some."""

    class Weighted(trainer_class):  # type: ignore[misc, valid-type]
        """The trainer class, with the loss and what it is divided by replaced. It logs each task's loss, in nats a token."""

        loss_is_scaled_for_ga = True  # by `compute_loss`: the trainer must not divide by the number of parts once more

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.sums: defaultdict[str, float] = defaultdict(float)
            self.tokens: Counter[str] = Counter()

        def get_batch_samples(
            self, epoch_iterator: Iterator[Mapping[str, Tensor]], num_batches: int, device: torch.device
        ) -> tuple[list[Mapping[str, Tensor]], Tensor]:
            """The parts of a step, and what all their tokens weigh together, in every process."""
            parts, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
            weight = torch.tensor(sum(_weight(part) for part in parts), device=device)
            return parts, self.accelerator.gather(weight).sum()

        def compute_loss(
            self, model: nn.Module, inputs: Mapping[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            """A part's share of the loss; `num_items_in_batch` is what the whole step weighs, by default what the part does."""
            batch = {k: v for k, v in inputs.items() if k not in ("weights", "tasks")}
            losses, right, outputs = _fused(model, batch) if numbers is None else _ordinal(model, batch, numbers)
            answered = inputs["labels"][:, 1:] != IGNORED
            self._note(losses.detach(), inputs["tasks"][:, 1:][answered])
            self._metrics["train"]["mean_token_accuracy"].append(float(right))
            total = _weight(inputs) if num_items_in_batch is None else float(num_items_in_batch)
            loss = (losses * inputs["weights"][:, 1:][answered]).sum() / max(total, 1e-6)
            if num_items_in_batch is not None:
                loss = loss * self.accelerator.num_processes  # DDP will average: the total is that of all processes already
            return (loss, outputs) if return_outputs else loss

        def _note(self, losses: Tensor, tasks: Tensor) -> None:
            for place in tasks.unique().tolist():
                mine = losses[tasks == place]
                self.sums[TASKS[place]] += float(mine.sum())
                self.tokens[TASKS[place]] += len(mine)

        def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
            """With each task's loss since the last time, unweighted, in this process."""
            of_tasks = {f"{LOSS_OF}{task}": self.sums[task] / n for task, n in self.tokens.items()}
            self.sums.clear()
            self.tokens.clear()
            super().log({**logs, **of_tasks}, *args, **kwargs)

    return Weighted


def _weight(batch: Mapping[str, Tensor]) -> float:
    """What the answers' tokens weigh together."""
    return float(batch["weights"][:, 1:][batch["labels"][:, 1:] != IGNORED].sum())


def _ordinal(model: nn.Module, batch: Mapping[str, Any], numbers: NumberTokens) -> tuple[Tensor, Tensor, Any]:
    """Losses [n] of the answers' tokens, the share of them that is predicted right, and the model's outputs. Only these
    tokens are projected to the vocabulary, the costliest product of a small model."""
    targets = batch["labels"][:, 1:]  # position t predicts token t + 1
    answered = targets != IGNORED
    keep = answered.any(0).nonzero()[:, 0]  # positions where any row's next token is an answer's
    outputs = model(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False, logits_to_keep=keep)
    chosen = answered[:, keep]
    logits, target = outputs.logits[chosen].float(), targets[:, keep][chosen]
    return numbers.loss(logits, target), (logits.argmax(-1) == target).float().mean(), outputs


def _fused(model: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor, Any]:
    """The same by TRL's head, which never holds the logits of a large vocabulary, with the usual cross entropy."""
    outputs = model(**batch, use_cache=False, fused_lm_head=True)
    answered = outputs.label_mask
    return -outputs.log_probs[answered], outputs.is_top1[answered].float().mean(), outputs
