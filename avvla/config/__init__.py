"""The typed form of params.yaml: every parameter of the pipeline with its unit and default.

Nothing machine-dependent belongs here: host settings are the `AVVLA_*` variables read by
`avvla.host`. The file is read by `avvla.params`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from avvla.config.data import (
    L2D,
    Action,
    Build,
    Commit,
    Dataset,
    Hdf5,
    Label,
    Nvidia,
    Randomisation,
    Synthetic,
)
from avvla.config.learning import (
    Backbone,
    Evaluate,
    Latency,
    Lora,
    PolicyParams,
    Precision,
    Train,
    WandbMode,
)
from avvla.config.section import Count, Fraction, NonNegative, Positive, Section

__all__ = [
    "L2D",
    "Action",
    "Backbone",
    "Build",
    "Commit",
    "Count",
    "Dataset",
    "Evaluate",
    "Fraction",
    "Hdf5",
    "Label",
    "Latency",
    "Lora",
    "NonNegative",
    "Nvidia",
    "Params",
    "PolicyParams",
    "Positive",
    "Precision",
    "Randomisation",
    "Section",
    "Synthetic",
    "Train",
    "WandbMode",
]


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0)] = Field(
        7, description="seed of the data, its split and its roads"
    )
    dataset: Dataset = Dataset()
    label: Label = Label()
    action: Action = Action()
    build: Build = Build()
    policy: PolicyParams = PolicyParams()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    latency: Latency = Latency()
