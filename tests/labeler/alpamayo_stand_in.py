"""A stand-in for Alpamayo: its code's names, call signatures and outputs, with nothing behind them.

`AlpamayoStandIn` takes the place of the classes AlpamayoR1 and Alpamayo1_5, the functions those of
`helper` and `load_physical_aiavdataset`, as they are in NVlabs/alpamayo 1cba38c and
NVlabs/alpamayo1.5 f42e594. It demands what the model demands and draws a sentence at random. Of the
four cameras that the model sees, test data have one, which is shown four times.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

R1, V15 = "nvidia/Alpamayo-R1-10B", "nvidia/Alpamayo-1.5-10B"
REVISION = "a" * 40
TEXTS = (
    "Keep lane since the road ahead is clear.",
    "Turn left because the route goes left.",
    "Slow down to keep distance to the lead vehicle.",
    "Stop for the red light.",
    "The weather is fine.",
)
CAMERAS = torch.tensor([0, 1, 2, 6])
DEFAULTS = {"max_generation_length": 256, "return_extra": True}


class AlpamayoStandIn:
    """The model: counts its calls, and does `fault` instead of call number `fault_at`."""

    calls = 0
    fault_at = 0
    fault: Callable[[], None]
    in_cache = True
    loaded: dict[str, Any]

    def __init__(self) -> None:
        self.tokenizer = "tokenizer"
        self.device: str | None = None

    @classmethod
    def from_pretrained(cls, model_id: str, **settings: Any) -> AlpamayoStandIn:
        if not cls.in_cache:
            raise OSError(f"{model_id} is not\nin the cache")
        cls.loaded = {"model_id": model_id, **settings}
        return cls()

    def to(self, device: str) -> AlpamayoStandIn:
        self.device = device
        return self

    def sample_trajectories_from_data_with_vlm_rollout(
        self,
        data: dict[str, Any],
        top_p: float = 0.98,
        top_k: int | None = None,
        temperature: float = 0.6,
        num_traj_samples: int = 6,
        num_traj_sets: int = 1,
        diffusion_kwargs: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        type(self).calls += 1
        if self.calls == self.fault_at:
            type(self).fault()
        assert torch.is_autocast_enabled("cpu")
        assert not torch.is_grad_enabled()
        # Swallowed by **kwargs upstream, so a misspelt name would be told by nobody.
        assert kwargs == DEFAULTS, kwargs
        assert (top_p, top_k, temperature, num_traj_sets) == (0.98, None, 0.6, 1)
        assert data["tokenized_data"].pop("input_ids").shape == (1, 16)
        history = data["ego_history_xyz"]
        assert history.shape == (1, 1, 16, 3)
        assert data["ego_history_rot"].shape == (1, 1, 16, 3, 3)
        shape = (1, num_traj_sets, num_traj_samples)
        drawn = torch.randint(len(TEXTS), shape)
        speed = torch.linalg.norm(history[0, 0, -1] - history[0, 0, -2]) / 0.1
        path = torch.zeros(*shape, 64, 3)
        path[..., 0] = speed * torch.arange(1, 65) * 0.1
        rotation = torch.eye(3).expand(*shape, 64, 3, 3)
        cot = np.array([TEXTS[i] for i in drawn.flatten()]).reshape(shape)
        extra = {"cot": cot, "meta_action": np.full(shape, ""), "answer": np.full(shape, "")}
        return path, rotation, extra


class _Processor:
    """Of the chat template only that it gives one token a picture."""

    def apply_chat_template(
        self, messages: list[dict[str, Any]], **settings: Any
    ) -> dict[str, torch.Tensor]:
        assert settings == {
            "tokenize": True,
            "add_generation_prompt": False,
            "continue_final_message": True,
            "return_dict": True,
            "return_tensors": "pt",
        }
        pictures = [message for message in messages if "image" in message]
        assert all(one["image"].shape[0] == 3 for one in pictures)
        return {"input_ids": torch.zeros(1, len(pictures), dtype=torch.int64)}


def _create_message(frames: torch.Tensor) -> list[dict[str, Any]]:
    return [{"image": frame} for frame in frames]


def _create_message_15(
    frames: torch.Tensor,
    camera_indices: torch.Tensor | None = None,
    num_frames_per_camera: int = 4,
    nav_text: str | None = None,
    use_nav_prompt: bool = False,
) -> list[dict[str, Any]]:
    assert camera_indices is CAMERAS  # optional upstream, yet trained with
    assert nav_text is None
    return _create_message(frames)


def _get_processor(tokenizer: str) -> _Processor:
    assert tokenizer == "tokenizer"
    return _Processor()


def _to_device(data: Any, device: Any = None, dtype: Any = None) -> Any:
    if isinstance(data, dict):
        return {key: _to_device(value, device, dtype) for key, value in data.items()}
    return data.to(device=device, dtype=dtype)


def _load_physical_aiavdataset(
    clip_id: str,
    t0_us: int = 5_100_000,
    avdi: Any = None,
    maybe_stream: bool = True,
    num_history_steps: int = 16,
    num_future_steps: int = 64,
    time_step: float = 0.1,
    camera_features: list[str] | None = None,
    num_frames: int = 4,
) -> dict[str, Any]:
    assert not maybe_stream  # offline there is nothing to stream
    if t0_us <= num_history_steps * time_step * 1e6:
        raise ValueError(f"t0_us={t0_us} is not after the history")
    egomotion = avdi.get_clip_feature(clip_id, avdi.features.LABELS.EGOMOTION, maybe_stream=False)
    pose = egomotion(t0_us + np.arange(1 - num_history_steps, 1) * 100_000).pose
    at_t0 = pose.rotation[-1].inv()
    video = avdi.get_clip_feature(clip_id, "camera_front_wide_120fov", maybe_stream=False)
    frames, _ = video.decode_images_from_timestamps(t0_us + np.arange(1 - num_frames, 1) * 100_000)
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)
    xyz = torch.from_numpy(at_t0.apply(pose.translation - pose.translation[-1])).float()
    rotation = torch.from_numpy((at_t0 * pose.rotation).as_matrix()).float()
    return {
        "image_frames": pictures.expand(len(CAMERAS), *pictures.shape),
        "camera_indices": CAMERAS,
        "ego_history_xyz": xyz[None, None],
        "ego_history_rot": rotation[None, None],
    }


def install(patch: pytest.MonkeyPatch) -> type[AlpamayoStandIn]:
    """Put the stand-in under the names of both packages; the class, which counts from 0."""
    model = type("AlpamayoStandIn", (AlpamayoStandIn,), {})
    for package, module, name, create_message in (
        ("alpamayo_r1", "alpamayo_r1", "AlpamayoR1", _create_message),
        ("alpamayo1_5", "alpamayo1_5", "Alpamayo1_5", _create_message_15),
    ):
        contents: dict[str, dict[str, Any]] = {
            package: {},
            f"{package}.models": {},
            f"{package}.models.{module}": {name: model},
            f"{package}.load_physical_aiavdataset": {
                "load_physical_aiavdataset": _load_physical_aiavdataset
            },
            f"{package}.helper": {
                "create_message": create_message,
                "get_processor": _get_processor,
                "to_device": _to_device,
            },
        }
        for path, members in contents.items():
            made = ModuleType(path)
            vars(made).update(members)
            patch.setitem(sys.modules, path, made)
    return model
