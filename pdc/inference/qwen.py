"""The file that knows Qwen2.5-VL: pixel budget, resized frame, chat text, 4-bit load. Its processor is in `processor.py`.

Qwen2.5-VL answers in pixels of the image *after* its resize to multiples of 28; `Frame` converts, both ways.
The embedded model, the 3B and the 7B load through the same function.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdc.domain.errors import BadModel, BadSetting, first_sentence
from pdc.domain.prompts import words
from pdc.domain.values import Likeness, Question, Task
from pdc.inference.adapter_folder import verify
from pdc.inference.answer_settings import AnswerSettings, adapter_settings, base_settings, is_ours, labels_of, sizes_of
from pdc.inference.fingerprints import stamp
from pdc.inference.frame import Frame, frame_of, pixel_budget, tile_pixels
from pdc.inference.likeness import describe, known_beside, load_known
from pdc.inference.lora_loading import LoadedAdapters
from pdc.inference.memory import is_out_of_memory
from pdc.inference.processor import load_processor
from pdc.settings import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image as PilImage

    from pdc.inference.dense_head import Head

log = logging.getLogger(__name__)

TOO_LARGE = "The model {model} needs more memory than is free. Close other programs, use 4 bit, or a smaller one."

# Language-model linears only: servers drop LoRA on vision blocks in silence.
LORA_TARGETS = r"^model\.language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)$"
LORA_TARGETS_VISION = (
    r"^model\.(language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    r"|visual\.(blocks\..*\.(qkv|proj|gate_proj|up_proj|down_proj)|merger\.mlp\.[02]))$"
)


class Qwen:
    """A loaded Qwen2.5-VL, with or without a LoRA adapter.

    `name` is what the settings called it; `adapter` the serving adapter's name, None for the base alone;
    `prompt_style` one of `pdc.domain.prompts.STYLES`. `most` is how many pixels of an image it may see at once, and `style`
    how it is asked where its folder does not say. Not thread-safe: callers serialise.
    """

    def __init__(
        self,
        name: str,
        folder: str,
        model: Any,
        processor: Any,
        device: str,
        head: Head | None = None,
        *,
        most: int = MAX_PIXELS,
        style: str | None = None,
    ) -> None:
        self.name, self.folder, self.processor, self.device = name, folder, processor, device
        self.tokenizer = processor.tokenizer
        self._adapters = LoadedAdapters(model)
        self._verified: dict[Hashable, AnswerSettings] = {}  # by folder and stamp
        self._most, self._style, self.halvings = most, style, 0
        self._base_settings = base_settings(folder, style)
        self.base_lists = self._base_settings.lists
        self.head = head
        self.words: Callable[[Question, str], str] = words  # how a question is put; training and inference alike
        self.base_labels, self.sizes = labels_of(folder), sizes_of(folder)
        self._base_known = self._known = load_known(folder)
        self._answer_as(None, self._base_settings)

    @property
    def base(self) -> Any:
        """The model itself, whose linear maps PEFT wraps while it holds adapters."""
        return self._adapters.base

    @property
    def model(self) -> Any:
        """What answers: PEFT's model, or the base where no adapter is in memory."""
        return self._adapters.model

    @property
    def weights(self) -> Hashable:
        """Tells apart what different weights compute: None is the base alone. Found again after a switch back."""
        return self._adapters.serving and self._adapters.serving.key

    @property
    def lora_layers(self) -> int:
        """How many LoRA layers answer: all that the serving adapter has; 0 for the base alone."""
        return self._adapters.serving.layers if self._adapters.serving else 0

    @property
    def vision_weights(self) -> Hashable:
        """As `weights`, for the vision tower: None also with an adapter that leaves it as it is."""
        serving = self._adapters.serving
        return serving.key if serving and serving.has_vision else None

    @property
    def budget(self) -> int:
        """The most pixels of an image that it may see at once, by the settings, the serving adapter and the image processor."""
        return pixel_budget(self.processor.image_processor, self._allowed)[1]

    @property
    def tile_pixels(self) -> int:
        """The pixels by which a large image is cut into tiles."""
        return tile_pixels(self.processor.image_processor, self._allowed, self._most)

    @property
    def _allowed(self) -> int:
        return min(self._most, self.learnt_pixels or self._most)

    @property
    def max_pixels(self) -> int:
        """The most pixels of an image that it sees at once: its budget, halved `halvings` times where memory is short."""
        return pixel_budget(self.processor.image_processor, self.budget >> self.halvings)[1]

    def frame(self, width: int, height: int) -> Frame:
        return frame_of(self.processor.image_processor, (width, height), self.max_pixels, self.answer_width)

    def resize(self, image: PilImage) -> PilImage:
        """The RGB image at the size the model sees, so that the processor's own resize changes nothing."""
        from PIL.Image import Resampling

        return image.convert("RGB").resize(self.frame(*image.size).model_wh, Resampling.BICUBIC)

    def messages(self, image: PilImage | None, question: Question) -> list[dict[str, Any]]:
        """The chat up to the model's turn: the template's own system line, then the image, then the words."""
        return messages(image, question, self.prompt_style, self.words)

    def inputs(self, image: PilImage, question: Question) -> dict[str, torch.Tensor]:
        """Tensors for one question about one image (any size), on the model's device."""
        chat = self.messages(self.resize(image), question)
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        batch = self.processor(text=[text], images=[chat[0]["content"][0]["image"]], return_tensors="pt")
        return dict(batch.to(self.device))

    def pixels(self, image: PilImage) -> dict[str, torch.Tensor]:
        """`pixel_values` [patches, 1176] and `image_grid_thw` [1, 3] of one image (any size), on the model's device."""
        return dict(self.processor.image_processor(images=[self.resize(image)], return_tensors="pt").to(self.device))

    def features(self, pixels: dict[str, torch.Tensor]) -> torch.Tensor:
        """[visual tokens, hidden]: what the vision tower makes of `pixels`."""
        return self.base.model.get_image_features(pixels["pixel_values"], pixels["image_grid_thw"]).pooler_output[0]

    @property
    def knows_images(self) -> bool:
        """Whether it can tell how an image compares with those that it was trained on."""
        return bool(self._known.labels)

    def likeness(self, features: torch.Tensor) -> Likeness:
        """How an image with these features compares with the training images, per label; empty where that is not known."""
        return self._known.compare(describe(features.float().cpu().numpy())) if self.knows_images else {}

    def description(self, features: torch.Tensor) -> np.ndarray:
        """float32 [2 * hidden] of an image's features: `describe`, less what all known kinds have in common. Cosines between
        descriptions say how alike images are."""
        return describe(features.float().cpu().numpy()) - self._base_known.middle.astype("float32")

    def before_answer(self, question: Question | None, grid: torch.Tensor | None) -> list[int]:
        """Prompt tokens: up to the end of an image of `grid` when `question` is None, else from there to the answer."""
        image_token, end = self.processor.image_token, "<|vision_end|>"
        chat = self.messages(None, question or Question(Task.COUNTING, ("x",)))
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        before, after = text.split(end)
        if question is None:
            assert grid is not None, "an image is asked for, and its grid is not given"
            n = int(grid[0].prod()) // self.processor.image_processor.merge_size**2
            after = before.replace(image_token, image_token * n) + end
        return self.tokenizer.encode(after, add_special_tokens=False)

    def positions(self, ids: list[int], grid: torch.Tensor) -> tuple[torch.Tensor, int]:
        """(rope positions [3, 1, n] of a prompt up to its image's end, next position minus n)."""
        import torch

        row = torch.tensor([ids], device=self.device)
        kinds = (row == self.base.config.image_token_id).int()
        positions, offset = self.base.model.get_rope_index(row, mm_token_type_ids=kinds, image_grid_thw=grid)
        return positions, int(offset)

    def use_adapter(self, name: str | None, folder: str | None) -> None:
        """Serve with the LoRA in `folder` (or on the hub) from now on; None serves the base alone.

        Raises BadModel, and keeps serving what it served, when the adapter cannot be loaded.
        """
        if folder is None:
            self._adapters.serve_base()
            self._known = self._base_known
            return self._answer_as(None, self._base_settings)
        key = folder, stamp(folder)
        settings = self._verified.get(key) or self._verify(folder)
        self._adapters.serve(folder, key)
        self._verified[key] = settings
        self._known = known_beside(folder, self._base_known)
        self._answer_as(name or folder, settings)

    def unload_adapters(self) -> None:
        """Take every adapter out of memory, for a base that is to be trained."""
        self._adapters.unload()
        self._known = self._base_known
        self._answer_as(None, self._base_settings)

    def _verify(self, folder: str) -> AnswerSettings:
        """What the adapter says of itself; BadModel when it is damaged or foreign."""
        if is_ours(folder):  # PEFT loads damaged and foreign weights without complaint
            verify(Path(folder), self.name, self.folder if Path(self.folder).is_dir() else None)
        elif Path(folder).is_absolute() and not Path(folder).is_dir():
            raise BadModel(f"There is no adapter folder {folder}; check PDC_ADAPTER, or promote another adapter.")
        said = adapter_settings(folder, self.folder, self._style)
        if said.max_pixels and said.max_pixels > self._most:
            log.warning("%s learnt with %d pixels of an image, and PDC_MAX_PIXELS is %d.", folder, said.max_pixels, self._most)
        return said

    def _answer_as(self, adapter: str | None, settings: AnswerSettings) -> None:
        self.adapter: str | None = adapter
        self.prompt_style, self.lists, self.thresholds = settings.style, settings.lists, settings.thresholds
        self.learnt_pixels, self.answer_width, self.windows = settings.max_pixels, settings.answer_width, settings.windows
        self.count_models, self.asked_as = settings.count_models, settings.asked_as


def messages(
    image: PilImage | None, question: Question, style: str, put: Callable[[Question, str], str] = words
) -> list[dict[str, Any]]:
    """One user turn: the image, then the question in words. Training and inference both build it here."""
    return [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": put(question, style)}]}]


def load(
    model: str, *, quantization: str = "nf4", device: str = "auto", max_pixels: int = MAX_PIXELS, answer_style: str | None = None
) -> Qwen:
    """Load a Qwen2.5-VL from a folder or the hub. `quantization`: nf4 (4 bit, bitsandbytes), none (bf16) or fp32.
    `max_pixels` and `answer_style` are `most` and `style` of `Qwen`.

    Raises BadModel with a sentence when it is missing, damaged or not a Qwen2.5-VL.
    """
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    from pdc.inference.dense_head import load_head

    _quiet()
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if place == "cuda" and not torch.cuda.is_available():
        raise BadSetting("PDC_DEVICE is cuda but torch sees no GPU; set it to auto or cpu.")
    check_folder(model)
    try:
        processor = load_processor(model)
    except (OSError, ValueError) as error:
        raise _cannot_load(model, error) from error
    options = {"quantization_config": _nf4(place)} if quantization == "nf4" else {}
    dtype = torch.float32 if quantization == "fp32" else torch.bfloat16
    try:
        loaded = Qwen2_5_VLForConditionalGeneration.from_pretrained(model, dtype=dtype, device_map=place, **options)
    except Exception as error:  # safetensors, hub and config errors share no base class
        if is_out_of_memory(error):
            raise BadModel(TOO_LARGE, model=model) from error
        raise _cannot_load(model, error) from error
    for module in loaded.modules():  # facts of bitsandbytes on AVX512-BF16: the packed path breaks training and merging
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # pyright: ignore[reportArgumentType]  # torch's stub: modules only
    name = Path(model).name if Path(model).is_dir() else model
    return Qwen(name, model, loaded.eval(), processor, place, load_head(model, place), most=max_pixels, style=answer_style)


def _quiet() -> None:
    """Silence what the libraries say at every load and no user can act on."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)


def _nf4(device: str) -> Any:
    """4-bit NF4 for the language model; vision tower and lm_head stay bf16."""
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=device != "cpu",
        llm_int8_skip_modules=["model.visual", "lm_head"],
    )
    assert config.bnb_4bit_compute_dtype is torch.bfloat16 and config.bnb_4bit_quant_type == "nf4"
    return config


def check_folder(model: str) -> None:
    """Refuse a folder that is not there with a sentence, before the hub is asked about a path."""
    if Path(model).is_absolute() and not Path(model).is_dir():
        raise BadModel(f"There is no model folder {model}; check PDC_MODEL, or leave it unset for the embedded model.")


def _cannot_load(model: str, error: Exception) -> BadModel:
    log.error("The model %r cannot be loaded: %s", model, error)
    return BadModel(f"The model {model!r} cannot be loaded: {first_sentence(error)} Check PDC_MODEL, or download it again.")
