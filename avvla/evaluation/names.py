"""The drivers that are compared, as files name them and as people do."""

from __future__ import annotations

AGENT = "agent"
BLIND = "blind"
CONSTANT_COMMAND = "constant_command"
EGO_STATE = "ego_state"
CONSTANT_ACTION = "constant_action"
CONSTANT_VELOCITY = "constant_velocity"

DRIVERS = {
    AGENT: "Field Agent",
    BLIND: "camera blanked",
    CONSTANT_COMMAND: "constant command",
    EGO_STATE: "ego state only",
    CONSTANT_ACTION: "constant action",
    CONSTANT_VELOCITY: "constant velocity",
}
"""In the order of tables."""
ON_THE_ROAD = (AGENT, BLIND, CONSTANT_VELOCITY)
"""Those that drive in closed loop."""
