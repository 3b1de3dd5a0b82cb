"""Tables of scores as the devkit writes them, of made scenes."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from avvla.navsim.table import COMBINED, DAC, EP, LAYOUTS, NC, SCORE, STAGES, TTC, V2, C

COMMIT = "3e8291bfa89ff247231e0227778840cd0a036896"
COMMIT_V2 = "0a380a9063d7162ec93d0f51e9990ebac585f720"
HALVES = (0.0, 0.5, 1.0)


def v1(scenes: int = 20, failed: int = 0, seed: int = 0) -> pd.DataFrame:
    """As v1.1's run_pdm_score.py makes it."""
    draw = np.random.default_rng(seed)
    table = pd.DataFrame({"token": [f"scene{i:06d}" for i in range(scenes)], "valid": True})
    for name in LAYOUTS[0].columns[:-1]:
        table[name] = draw.random(scenes) if name == EP else draw.choice(HALVES, scenes)
    product = table[NC] * table[DAC]
    table[SCORE] = product * (5 * table[EP] + 5 * table[TTC] + 2 * table[C]) / 12
    table.loc[table.index[:failed], "valid"] = False
    table.loc[table.index[:failed], list(LAYOUTS[0].columns)] = np.nan
    average = table.drop(columns=["token", "valid"]).mean(skipna=True)
    average["token"] = "average"
    average["valid"] = table["valid"].all()
    table.loc[len(table)] = average
    return table


def scored(scenes: int, draw: np.random.Generator, first: int = 0) -> pd.DataFrame:
    """Sub-scores of v2.2 and their score."""
    made = {name: draw.choice((0.0, 1.0), scenes, p=(0.2, 0.8)) for name in V2}
    made[EP] = draw.random(scenes)
    table = pd.DataFrame(made)
    table.insert(0, "token", [f"scene{first + i:06d}" for i in range(scenes)])
    table.insert(1, "valid", True)
    return with_score(table)


def with_score(table: pd.DataFrame) -> pd.DataFrame:
    """Total of each scene, over 14 where extended comfort is not known."""
    nc, dac, ddc, tlc, ep, ttc, lk, hc, ec = (table[name] for name in V2)
    weighted = 5 * ep + 5 * ttc + 2 * lk + 2 * hc + 2 * ec.fillna(0)
    return table.assign(**{SCORE: nc * dac * ddc * tlc * weighted / np.where(ec.isna(), 14, 16)})


def one_stage(scenes: int = 20, seed: int = 0) -> pd.DataFrame:
    """As v2.2's run_pdm_score_one_stage.py makes it; a third has no frame before it."""
    table = scored(scenes, np.random.default_rng(seed))
    table.loc[::3, V2[-1]] = np.nan
    table = with_score(table)
    average = table.drop(columns=["token", "valid"]).mean(skipna=True)
    average["token"] = "average_all_frames"
    average["valid"] = True
    table.loc[len(table)] = average
    return table


def two_stages(first: int = 4, second: int = 8, seed: int = 0) -> pd.DataFrame:
    """As v2.2's run_pdm_score.py makes it; every second scene weighs the same."""
    draw = np.random.default_rng(seed)
    parts = [scored(first, draw), scored(second, draw, first)]
    rows = [
        part.rename(columns={name: name + stage for name in V2})
        for part, stage in zip(parts, STAGES, strict=True)
    ]
    means = [part.drop(columns=["token", "valid"]).mean() for part in parts]
    for i, stage in enumerate(STAGES):
        values = {name + stage: means[i][name] for name in V2}
        row = {"token": f"extended_pdm_score{stage}", "valid": True, **values}
        rows.append(pd.DataFrame([{**row, SCORE: means[i][SCORE]}]))
    both = {name + stage: means[i][name] for i, stage in enumerate(STAGES) for name in V2}
    total = means[0][SCORE] * means[1][SCORE]
    rows.append(pd.DataFrame([{"token": COMBINED, "valid": True, **both, SCORE: total}]))
    return pd.concat(rows, ignore_index=True)[["token", "valid", *LAYOUTS[2].columns]]


def text(table: pd.DataFrame) -> str:
    """As pandas writes it for the devkit, with its index."""
    buffer = io.StringIO()
    table.to_csv(buffer)
    return buffer.getvalue()
