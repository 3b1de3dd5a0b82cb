"""Names in L2D's layout, which is that of LeRobot's data sets of version 3.

    meta/info.json                                  features with their shapes, frame rate
    meta/episodes/chunk-000/file-000.parquet        a row an episode: drive, rows, video and time
    data/chunk-000/file-000.parquet                 a row a frame of many episodes: the state
    videos/<camera>/chunk-000/file-000.mp4          the frames of many episodes, one camera

An episode is a window of some 30 s; a drive (`session_id`) has many, and neighbours overlap.
"""

from __future__ import annotations

INFO = "meta/info.json"
EPISODES = "meta/episodes"
FPS = 10

EPISODE, FRAME = "episode_index", "frame_index"
VEHICLE = "observation.state.vehicle"
TIMESTAMP = "observation.state.timestamp"
POLICY = "task.policy"
INSTRUCTION = "task.instructions"
STATE_COLUMNS = (EPISODE, FRAME, VEHICLE, TIMESTAMP, POLICY, INSTRUCTION)

EXPERT, STUDENT = "EXPERT", "STUDENT"
SESSION = "session_id"


def data_path(chunk_index: int, file_index: int) -> str:
    """Path of a state table inside a snapshot."""
    return f"data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"


def video_path(camera: str, chunk_index: int, file_index: int) -> str:
    """Path of a camera's video inside a snapshot."""
    return f"videos/{camera}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def parse(path: str) -> tuple[str, int | None]:
    """(feature, None) of a path inside a snapshot: no file belongs to one drive alone."""
    top, _, rest = path.partition("/")
    if top == "videos":
        return rest.partition("/")[0], None
    return ("state" if top == "data" else "metadata"), None
