"""Parameters of pipelines/alpasim: what a finished run of Alpasim is."""

from __future__ import annotations

from pydantic import Field

from avvla.config.section import Section


class Simulate(Section):
    """The run in $AVVLA_ALPASIM_RUN."""

    run: str | None = Field(
        None, description="run_uuid of the run whose result is meant; null: whichever is there"
    )
    suite: str | None = Field(None, description="test suite, where the run does not name it")


class AlpasimParams(Section):
    """The whole of pipelines/alpasim/params.yaml."""

    simulate: Simulate = Simulate()
