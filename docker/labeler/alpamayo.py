"""Alpamayo, called as its authors call it: pictures and history of one t0 in, texts and paths out.

The classes and their one call are those of NVlabs/alpamayo 1cba38c and NVlabs/alpamayo1.5 f42e594,
which install.sh puts beside this environment. Both models see four cameras (cross left, front wide,
cross right, front tele), each at t0 - 0.3, -0.2, -0.1 and 0 s, and 16 poses of the last 1.5 s. 1.5
is told the names of the cameras too, as it was in training.

The call takes `input_ids` out of the dictionary that it is given (R1), so the inputs are made anew
for every call. It always samples: the seed is set before each.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from texts import LabelError, line_of

TOP_P, TEMPERATURE, MAX_TOKENS = 0.98, 0.6, 256
"""Sampling as in NVIDIA's own inference script."""


class Release(NamedTuple):
    """Where the code of a released model is: `model_class` in `<package>.models.<package>`."""

    package: str
    model_class: str
    names_cameras: bool


RELEASES = {
    "nvidia/Alpamayo-R1-10B": Release("alpamayo_r1", "AlpamayoR1", names_cameras=False),
    "nvidia/Alpamayo-1.5-10B": Release("alpamayo1_5", "Alpamayo1_5", names_cameras=True),
}


class Answer(NamedTuple):
    """What the model says about one t0, by sample."""

    cot: list[str]
    """S texts."""
    trajectory: Any
    """(S, 64, 3) float32, x, y, z [m] in the local frame, 0.1 s apart from t0 + 0.1 s on."""


class Alpamayo:
    """A model on a device."""

    def __init__(self, model: Any, release: Release, device: str) -> None:
        self._model, self._release, self._device = model, release, device
        self._helper: ModuleType = importlib.import_module(f"{release.package}.helper")
        loader = importlib.import_module(f"{release.package}.load_physical_aiavdataset")
        self._read = loader.load_physical_aiavdataset
        self._processor = self._helper.get_processor(model.tokenizer)

    def read(self, tree: Any, clip_id: str, t0_us: int) -> dict[str, Any]:
        """Pictures and history of one t0 [us]; raises whatever the decoders do."""
        data: dict[str, Any] = self._read(clip_id, t0_us=t0_us, avdi=tree, maybe_stream=False)
        return data

    def answer(self, data: dict[str, Any], samples: int, seed: int) -> Answer:
        """Texts and paths for what `read` gave.

        Raises:
            LabelError: the GPU's memory does not suffice, or the outputs have other shapes.
        """
        import torch

        named = {"camera_indices": data["camera_indices"]} if self._release.names_cameras else {}
        messages = self._helper.create_message(data["image_frames"].flatten(0, 1), **named)
        inputs = self._processor.apply_chat_template(
            messages,
            tokenize=True,
            add_generation_prompt=False,
            continue_final_message=True,
            return_dict=True,
            return_tensors="pt",
        )
        model_inputs = self._helper.to_device(
            {
                "tokenized_data": inputs,
                "ego_history_xyz": data["ego_history_xyz"],
                "ego_history_rot": data["ego_history_rot"],
            },
            self._device,
        )
        torch.manual_seed(seed)
        kind = torch.device(self._device).type
        try:
            with torch.no_grad(), torch.autocast(kind, dtype=torch.bfloat16):
                xyz, _, extra = self._model.sample_trajectories_from_data_with_vlm_rollout(
                    data=model_inputs,
                    top_p=TOP_P,
                    temperature=TEMPERATURE,
                    num_traj_samples=samples,
                    max_generation_length=MAX_TOKENS,
                    return_extra=True,
                )
        except torch.OutOfMemoryError as error:
            raise LabelError(f"{line_of(error)}: use --quantise 8 or fewer --samples") from None
        cot, wanted = extra["cot"], (1, 1, samples)
        if cot.shape != wanted or tuple(xyz.shape) != (*wanted, 64, 3):
            raise LabelError(
                f"the model gave texts {cot.shape} and paths {tuple(xyz.shape)}, expected {wanted}"
                f" and {(*wanted, 64, 3)}: install the commits that install.sh names"
            )
        return Answer([str(text) for text in cot[0, 0]], xyz[0, 0].float().cpu().numpy())


def load(model_id: str, revision: str, quantise: int | None, device: str) -> Alpamayo:
    """A released model from the hub's cache.

    Args:
        model_id: a key of RELEASES.
        revision: 40 hexadecimal digits.
        quantise: bits of a weight, 8 or 4, by bitsandbytes; None for bfloat16.
        device: a torch device.

    Raises:
        LabelError: the device is not there, or the code or the weights are not.
    """
    import torch

    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise LabelError(f"--device is {device}, but torch {torch.__version__} sees no CUDA device")
    release = RELEASES[model_id]
    # PyTorch's own attention: flash-attn would have to be built with the CUDA toolkit.
    settings: dict[str, Any] = {
        "revision": revision,
        "dtype": torch.bfloat16,
        "attn_implementation": "sdpa",
    }
    if quantise:
        from transformers import BitsAndBytesConfig

        settings["quantization_config"] = (
            BitsAndBytesConfig(load_in_8bit=True)
            if quantise == 8
            else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.bfloat16)
        )
    try:
        module = importlib.import_module(f"{release.package}.models.{release.package}")
        model = getattr(module, release.model_class).from_pretrained(model_id, **settings)
        # bitsandbytes has put a quantised model on the GPU already and lets nobody move it.
        return Alpamayo(model if quantise else model.to(device), release, device)
    except ImportError as error:
        raise LabelError(f"{line_of(error)}: fill the environment with install.sh") from None
    except OSError as error:
        raise LabelError(
            f"{model_id} at {revision} cannot be loaded ({line_of(error)}): fetch it first with"
            f" `hf download {model_id} --revision {revision}`"
        ) from None


def open_tree(tree: Path) -> Any:
    """NVIDIA's reader on a snapshot in the layout of the hub's cache, offline.

    Raises:
        LabelError: it is no such folder, or its metadata cannot be read.
    """
    import pyarrow as pa
    from physical_ai_av import PhysicalAIAVDatasetInterface

    repository, kept = tree.parents[1], tree.parent.name == "snapshots"
    kind, _, repo_id = repository.name.partition("--")
    if not (kept and kind == "datasets" and repo_id.count("--") == 1 and tree.is_dir()):
        raise LabelError(
            f"--tree is {tree}, expected the folder of a snapshot in a hub cache,"
            " .../datasets--<owner>--<name>/snapshots/<40 hexadecimal digits>"
        )
    try:
        return PhysicalAIAVDatasetInterface(
            tree.name,
            repo_id=repo_id.replace("--", "/"),
            cache_dir=os.fspath(repository.parent),
            token=False,
            confirm_download_threshold_gb=float("inf"),
        )
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise LabelError(f"metadata in {tree} cannot be read: {line_of(error)}") from None
