"""A Commander that is an image-text model of transformers on this machine.

What it writes is held to the closed list while it writes: at each token only those are allowed that
go on with a command of the taxonomy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from avvla.agent.chat import ROLE, told
from avvla.agent.commander import CommanderError, Situation
from avvla.errors import UserError
from avvla.labels.taxonomy import COMMANDS


class LocalModel:
    """A model in a folder.

    Args:
        folder: of an image-text model of transformers, with its processor.
        device: torch device.

    Raises:
        UserError: there is no such model, or it is not whole.
    """

    def __init__(self, folder: Path, device: str) -> None:
        if not folder.is_dir():
            raise UserError(
                f"{folder} is no folder, expected one with an image-text model and its processor:"
                " fetch one with `hf download`"
            )
        try:
            self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
            model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{folder} holds no image-text model with its processor ({reason}): fetch one with"
                " `hf download` and give its folder"
            ) from None
        self._model: Any = model.to(device).eval()
        tokenizer = self._processor.tokenizer
        self._end = int(tokenizer.eos_token_id)
        self._choices = [tokenizer.encode(text, add_special_tokens=False) for text in COMMANDS]

    @torch.inference_mode()
    def command(self, situation: Situation) -> str:
        """The command that the model finds likeliest, token by token.

        Raises:
            CommanderError: there is no picture.
        """
        if situation.image is None:
            raise CommanderError("there is no picture yet")
        text = self._processor.apply_chat_template(
            [
                {"role": "system", "content": [{"type": "text", "text": ROLE}]},
                {
                    "role": "user",
                    "content": [{"type": "image"}, {"type": "text", "text": told(situation)}],
                },
            ],
            add_generation_prompt=True,
        )
        picture = Image.fromarray(situation.image)
        inputs = self._processor(text=text, images=[picture], return_tensors="pt")
        inputs = inputs.to(self._model.device)
        begin = inputs["input_ids"].shape[1]
        written = self._model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=max(map(len, self._choices)) + 1,
            eos_token_id=self._end,
            prefix_allowed_tokens_fn=lambda _, tokens: allowed(
                self._choices, tokens[begin:].tolist(), self._end
            ),
        )
        tokens = [token for token in written[0, begin:].tolist() if token != self._end]
        return COMMANDS[self._choices.index(tokens)]


def allowed(choices: Sequence[Sequence[int]], written: list[int], end: int) -> list[int]:
    """Tokens that may follow what is written, so that it becomes one of the choices."""
    length = len(written)
    begun = [list(choice) for choice in choices if list(choice[:length]) == written]
    following = {choice[length] for choice in begun if len(choice) > length}
    return sorted(following | ({end} if written in begun or not begun else set()))
