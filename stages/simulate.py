"""A finished run of Alpasim in $AVVLA_ALPASIM_RUN -> results/alpasim/metrics.json."""

from __future__ import annotations

from _alpasim import PARAMS, RESULT, read
from _run import run

from avvla import host
from avvla.alpasim.collection import collect
from avvla.config.alpasim import AlpasimParams
from avvla.errors import UserError
from avvla.results import write_metrics


def simulate(params: AlpasimParams) -> None:
    folder, wanted = host.alpasim_run(), params.simulate.run
    made = collect(folder, params.simulate.suite)
    got = made["run"]["uuid"]
    if wanted not in (None, got):
        raise UserError(
            f"simulate.run is {wanted!r} in {PARAMS}, but {folder} is the run {got!r}: set"
            " AVVLA_ALPASIM_RUN to the run that is meant, or simulate.run to this one"
        )
    write_metrics(RESULT, made)


if __name__ == "__main__":
    run(simulate, read)
