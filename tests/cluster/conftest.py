"""Spawned workers find `chunk_steps` on the path that they inherit."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
