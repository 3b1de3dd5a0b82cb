"""An experiment as a user writes one."""

from avvla.rl.lane import DiscreteLane, LaneSettings


class SlowSettings(LaneSettings):
    gain: float = 1.0


class SlowLane(DiscreteLane):
    settings_type = SlowSettings
    settings: SlowSettings

    def compute_reward(self, arena):
        return self.settings.gain * super().compute_reward(arena)
