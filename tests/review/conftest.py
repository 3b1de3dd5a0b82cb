"""A label table as the label stage writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def make_labels() -> Callable[[Mapping[str, int]], pd.DataFrame]:
    """Makes label rows, so many of each command, ten t0 to a clip."""

    def make(counts: Mapping[str, int]) -> pd.DataFrame:
        texts = [text for text, count in counts.items() for _ in range(count)]
        return pd.DataFrame(
            {
                "clip_id": [f"clip-{number // 10:03d}" for number in range(len(texts))],
                "t0_us": [2_000_000 + 500_000 * (number % 10) for number in range(len(texts))],
                "command": texts,
                "object": "lane",
                "cause": "it is free",
                "text": [f"{text} because it is free" for text in texts],
                "source": "ood_reasoning",
                "confidence": 1.0,
                "reason": "",
                "consistent": True,
            }
        )

    return make
