"""pipelines/rl/params.yaml -> models/rl, results/rl/train: a driver of each checkpoint, curves."""

from __future__ import annotations

import shutil

from _rl import DRIVERS, RESULTS, read
from _run import replacing_folder, run

from avvla import host
from avvla.cluster.fingerprint import identity
from avvla.results import write_curve, write_metrics
from avvla.rl.run_folder import RunFolder, digest_of
from avvla.rl.settings import Settings
from avvla.rl.training import train


def train_rl(settings: Settings) -> None:
    # Named by what it is made from: a killed training goes on, another one does not go on from it.
    digest = digest_of(settings, identity("avvla.rl.training"))
    run_folder = RunFolder(host.work_root() / "train_rl" / digest)
    last = train(settings, run_folder, "auto")
    with replacing_folder(DRIVERS) as folder:
        folder.mkdir()
        for checkpoint in run_folder.checkpoints():
            shutil.copytree(checkpoint.driver, folder / checkpoint.folder.name)
    rows = last.progress.rows
    for name in sorted({name for row in rows for name in row} - {"steps"}):
        points = [(int(row["steps"]), row[name]) for row in rows if name in row]
        write_curve(RESULTS / f"train/plots/{name}.tsv", ("step", name), points)
    write_metrics(RESULTS / "train/metrics.json", rows[-1])


if __name__ == "__main__":
    run(train_rl, read)
