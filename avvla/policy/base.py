"""Bases: checkpoints of SmolVLA that a training starts from, kept under the hash of their files.

    $AVVLA_BASE/<hash>/config.json         as their author wrote it
                      /model.safetensors
                      /backbone/*          configuration and tokenizer of the backbone
                      /training_state/*    of its optimiser and schedule, where it came with them

The folder is whole: copied to another host it is the same base there. The parameter
`policy.warm_start` is its hash, so a change of a base is a change of the parameters. Processors and
statistics are no part of it: those of a policy are made from its own data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.utils.constants import (
    OPTIMIZER_PARAM_GROUPS,
    OPTIMIZER_STATE,
    SCHEDULER_STATE,
    TRAINING_STATE_DIR,
)
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from avvla import host
from avvla.config import PolicyParams
from avvla.errors import UserError
from avvla.files import hash_file
from avvla.policy.backbone import check_backbone
from avvla.policy.portable import BACKBONE_FOLDER
from avvla.record import Record

CONFIG, WEIGHTS = "config.json", "model.safetensors"
POLICIES = ("smolvla", "field_agent")
PAST = (OPTIMIZER_PARAM_GROUPS, OPTIMIZER_STATE, SCHEDULER_STATE)
"""What is kept of the state of a training."""
ADAPTERS = "adapter_config.json"
"""What peft writes in place of weights."""


class Network(Record):
    """What decides the network beside the shapes of its tensors, as SmolVLA's config.json has it.

    A value that is not the base's would give other outputs from the same weights.
    """

    attention_mode: str
    self_attn_every_n_layers: int
    num_expert_layers: int
    num_vlm_layers: int
    expert_width_multiplier: float
    min_period: float
    max_period: float
    add_image_special_tokens: bool


@dataclass(frozen=True)
class Base:
    """A checkpoint with its backbone."""

    folder: Path

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.folder / WEIGHTS

    @property
    def backbone(self) -> Path:
        """The folder of the backbone, which `vlm_model_name` may name."""
        return self.folder / BACKBONE_FOLDER

    @property
    def past(self) -> Path:
        """The state of its optimiser and schedule.

        Raises:
            UserError: it came without.
        """
        path = self.folder / str(TRAINING_STATE_DIR)
        if not path.is_dir():
            raise UserError(
                f"train.reset_scheduler is false, but the base {self.folder.name} came without its"
                " training_state: import it from the run's checkpoints (docs/finetune.md), or set"
                " it to true"
            )
        return path

    @property
    def network(self) -> Network:
        """How the weights are used.

        Raises:
            UserError: config.json is missing, damaged or of another policy.
        """
        path = self.folder / CONFIG
        found = _read_config(path)
        try:
            return Network.model_validate(
                {name: found[name] for name in Network.model_fields if name in found}
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UserError(
                f"{path}: {first['loc'][0]}: {first['msg']}; expected what LeRobot writes for"
                " SmolVLA"
            ) from None


def base_of(policy: PolicyParams) -> Base | None:
    """The base that the parameters start from, None for weights drawn anew.

    Raises:
        UserError: it is not in `$AVVLA_BASE`, is not what was imported, or parameters need one.
    """
    if policy.warm_start:
        return open_base(host.base_root(), policy.warm_start)
    if policy.lora.rank or policy.unmatched:
        name = "policy.lora.rank" if policy.lora.rank else "policy.unmatched"
        raise UserError(
            f"{name} is set, but policy.warm_start is not: name the base that it is about"
            " (docs/finetune.md)"
        )
    return None


def open_base(root: Path, digest: str) -> Base:
    """The base with this hash.

    Raises:
        UserError: it is not there, or its files are not those that were imported.
    """
    folder = root / digest
    if not folder.is_dir():
        raise UserError(
            f"policy.warm_start is {digest}, but {root} has no such base: import it with `avvla"
            " policy import-base`, or set AVVLA_BASE to the folder that has it (docs/finetune.md)"
        )
    if _digest(folder) != digest:
        raise UserError(
            f"the files in {folder} are not those that were imported under its name: delete it and"
            " import it again with `avvla policy import-base`"
        )
    return Base(folder)


def keep(root: Path, checkpoint: Path, backbone: Path) -> str:
    """Copy a checkpoint and its backbone into `root`; the hash of the base.

    Raises:
        UserError: the checkpoint is not one of SmolVLA, or a file is missing, damaged or cannot be
            written.
    """
    _check_weights(checkpoint)
    _ = Base(checkpoint).network
    check_backbone(backbone)
    with _room(root) as room:
        work = room / "new"
        (work / BACKBONE_FOLDER).mkdir(parents=True)
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(checkpoint / name, work / name)
        for path in sorted(backbone.iterdir()):
            if path.is_file() and of_backbone(path.name):
                shutil.copyfile(path, work / BACKBONE_FOLDER / path.name)
        past = checkpoint.parent / TRAINING_STATE_DIR
        if past.is_dir():
            (work / TRAINING_STATE_DIR).mkdir()
            for name in PAST:
                shutil.copyfile(past / name, work / TRAINING_STATE_DIR / name)
        check_backbone(work / BACKBONE_FOLDER)
        digest = _digest(work)
        if not (root / digest).is_dir():
            work.rename(root / digest)
    return digest


def of_backbone(name: str) -> bool:
    """Whether a file of a backbone is of its configuration or tokenizer, not of its weights."""
    return name.endswith((".json", ".txt", ".jinja")) and not name.endswith(".index.json")


def backbone_name(checkpoint: Path) -> str:
    """`vlm_model_name` of a checkpoint.

    Raises:
        UserError: config.json is missing, damaged or of another policy.
    """
    return str(_read_config(checkpoint / CONFIG).get("vlm_model_name", ""))


def padded_width(checkpoint: Path) -> int:
    """The padded width of the state of a checkpoint, `policy.max_dim` of what starts from it."""
    width: int = _read_config(checkpoint / CONFIG).get("max_state_dim", SmolVLAConfig.max_state_dim)
    return width


def find_backbone(checkpoint: Path) -> Path:
    """The backbone of a checkpoint on this machine: its own folder, or one in the hub's cache.

    Raises:
        UserError: there is neither.
    """
    own = checkpoint / BACKBONE_FOLDER
    if own.is_dir():
        return own
    name = backbone_name(checkpoint)
    try:
        cached = try_to_load_from_cache(name, CONFIG)
    except HFValidationError:  # the name is a path
        cached = None
    if not isinstance(cached, str):
        raise UserError(
            f"{checkpoint} has no {BACKBONE_FOLDER}/ and the hub's cache has no {name!r}, the"
            " backbone that it names: give the folder of it with --backbone"
        )
    return Path(cached).parent


def _read_config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: expected a folder with {CONFIG} and {WEIGHTS}, as LeRobot's"
            " `pretrained_model`"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a configuration: {error}") from None
    config: dict[str, Any] = found if isinstance(found, dict) else {}
    kind = config.get("type")
    if kind not in POLICIES:
        raise UserError(f"{path} is of a policy of type {kind!r}, expected {' or '.join(POLICIES)}")
    return config


def _check_weights(checkpoint: Path) -> None:
    path = checkpoint / WEIGHTS
    if not path.is_file():
        if (checkpoint / ADAPTERS).is_file():
            raise UserError(
                f"{checkpoint} holds adapters without the weights that they belong to: merge them"
                " into their policy first"
            )
        raise UserError(f"{path} is missing: copy the whole checkpoint again")
    try:
        with safe_open(path, "np"):
            pass
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}): copy it again") from None


def _digest(folder: Path) -> str:
    """A hash over the names and bytes of all files of a base."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): hash_file(path) for path in files}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


@contextmanager
def _room(root: Path) -> Iterator[Path]:
    """A folder in `root` to make a base in, gone at the end."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        room = Path(mkdtemp(prefix=".base.", dir=root))
    except OSError as error:
        raise UserError(
            f"{root} cannot be written ({error.strerror}): set AVVLA_BASE to another folder"
        ) from None
    try:
        yield room
    except OSError as error:
        raise UserError(
            f"{error.filename or root}: {error.strerror}; expected to copy a base into {root}: make"
            " room, or set AVVLA_BASE to another folder"
        ) from None
    finally:
        shutil.rmtree(room, ignore_errors=True)
