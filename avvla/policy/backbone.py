"""The vision-language backbone of SmolVLA: a tiny SmolVLM built offline, or a named one.

A backbone folder holds what `transformers` needs to construct the network and its tokenizer, and
no weights: `config.json`, `processor_config.json`, `tokenizer.json`, `tokenizer_config.json`. The
same parameters write the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    AutoConfig,
    AutoProcessor,
    PreTrainedTokenizerFast,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from avvla.config import Backbone
from avvla.errors import UserError

TINY = "tiny"
SCALE_FACTOR = 2
HEAD_DIM = 16
VOCABULARY = 384

SPECIAL_TOKENS = {
    "bos_token": "<|im_start|>",
    "eos_token": "<end_of_utterance>",
    "pad_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
}
IMAGE_TOKENS = {
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "image_token": "<image>",
    "end_of_utterance_token": "<end_of_utterance>",
}

CORPUS = (
    "Follow the lane\n",
    "Change lane left\n",
    "Change lane right\n",
    "Turn left\n",
    "Turn right\n",
    "Go straight\n",
    "Slow down\n",
    "Stop\n",
    "Speed up\n",
    "Follow the vehicle ahead\n",
    "Adjust speed for a gap\n",
    "Speed up to overtake\n",
    "Yield\n",
    "Nudge left\n",
    "Nudge right\n",
    "Go around on the left\n",
    "Go around on the right\n",
    "Merge\n",
    "Pull over\n",
    "Abort the lane change\n",
)
"""The commands of `avvla.labels.taxonomy`: merges learnt from them keep each to a few tokens."""


def build_backbone(folder: Path, backbone: Backbone, image_size: int) -> None:
    """Write a tiny backbone for square images of `image_size` pixels.

    Raises:
        UserError: a size does not divide, so SmolVLM could not be built from it.
    """
    _check_sizes(backbone, image_size)
    tokenizer = _tokenizer()
    save_backbone(
        folder,
        _config(backbone, image_size, tokenizer),
        _processor(tokenizer, backbone, image_size),
    )


def save_backbone(folder: Path, config: SmolVLMConfig, processor: SmolVLMProcessor) -> None:
    """Write the configuration, tokenizer and processor of a backbone."""
    folder.mkdir(parents=True, exist_ok=True)
    for loaded_from in ("is_local", "model_specific_special_tokens"):
        # Loading leaves these, and a reloaded backbone must save the same bytes.
        processor.tokenizer.init_kwargs.pop(loaded_from, None)
    config.save_pretrained(folder)
    processor.save_pretrained(folder)


def check_backbone(folder: Path) -> None:
    """Refuse a backbone folder that does not load.

    Raises:
        UserError: a file of the folder is missing or damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is missing: copy the whole checkpoint folder again")
    try:
        AutoConfig.from_pretrained(folder)
        AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder} is damaged ({reason}): copy the checkpoint again") from None


def _check_sizes(backbone: Backbone, image_size: int) -> None:
    stride = backbone.patch_size * SCALE_FACTOR
    if image_size % stride:
        raise UserError(
            f"image_size is {image_size} px, expected a multiple of {stride} px "
            f"(patch_size {backbone.patch_size} x {SCALE_FACTOR}): change build.image_size"
        )
    for name, width in (
        ("vision_width", backbone.vision_width),
        ("text_width", backbone.text_width),
    ):
        if width % (2 * HEAD_DIM):
            raise UserError(
                f"policy.backbone.{name} is {width}, expected a multiple of {2 * HEAD_DIM}"
            )


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(ByteLevel.alphabet()),
        special_tokens=sorted({*SPECIAL_TOKENS.values(), *IMAGE_TOKENS.values()}),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        model_max_length=1024,
        extra_special_tokens=IMAGE_TOKENS,
        **SPECIAL_TOKENS,
    )


def _config(
    backbone: Backbone, image_size: int, tokenizer: PreTrainedTokenizerFast
) -> SmolVLMConfig:
    heads = backbone.text_width // HEAD_DIM
    vision: dict[str, Any] = {
        "hidden_size": backbone.vision_width,
        "intermediate_size": 2 * backbone.vision_width,
        "num_hidden_layers": backbone.vision_layers,
        "num_attention_heads": backbone.vision_width // (2 * HEAD_DIM),
        "image_size": image_size,
        "patch_size": backbone.patch_size,
        "initializer_range": backbone.init_std,
    }
    text: dict[str, Any] = {
        "model_type": "llama",
        "hidden_size": backbone.text_width,
        "intermediate_size": 2 * backbone.text_width,
        "num_hidden_layers": backbone.text_layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 2,
        "head_dim": HEAD_DIM,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 1024,
        "initializer_range": backbone.init_std,
    }
    return SmolVLMConfig(
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKENS["image_token"]),
        pad_token_id=tokenizer.pad_token_id,
        scale_factor=SCALE_FACTOR,
        vision_config=vision,
        text_config=text,
        initializer_range=backbone.init_std,
        architectures=["SmolVLMForConditionalGeneration"],
    )


def _processor(
    tokenizer: PreTrainedTokenizerFast, backbone: Backbone, image_size: int
) -> SmolVLMProcessor:
    edge = {"longest_edge": image_size}
    return SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(
            size=edge, max_image_size=edge, do_image_splitting=False
        ),
        video_processor=SmolVLMVideoProcessor(
            size=edge, max_image_size=edge, do_image_splitting=False
        ),
        tokenizer=tokenizer,
        image_seq_len=(image_size // backbone.patch_size // SCALE_FACTOR) ** 2,
    )
