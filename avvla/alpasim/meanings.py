"""What Alpasim's metrics count, in words, and how each is made one number of a rollout."""

from __future__ import annotations

EVENT = "share of rollouts"
MEANINGS: dict[str, tuple[str, str]] = {
    "collision_at_fault": ("a collision at the front or the side", EVENT),
    "collision_any": ("any collision", EVENT),
    "collision_front": ("something touched the ego's front", EVENT),
    "collision_lateral": ("something touched the ego, but neither its front nor its rear", EVENT),
    "collision_rear": ("something touched the ego's rear and not its front", EVENT),
    "offroad": ("in no lane, and touching the road's edge", EVENT),
    "offroad_or_collision": ("off the road, or any collision", EVENT),
    "offroad_or_collision_at_fault": ("off the road, or a collision at fault", EVENT),
    "wrong_lane": ("in a lane of the other direction; intersections give false alarms", EVENT),
    "left_corridor_laterally": ("too far beside the recorded path", EVENT),
    "open_loop_collision": ("plans that meet another where it will be", "share of plans"),
    "safety_monitor_triggered": ("the driver's own safety monitor spoke up", EVENT),
    "img_is_black": ("a black camera image; such rollouts are left out of all else", EVENT),
    "avg_dist_between_incidents": ("driven per collision or departure from the road", "km"),
    "avg_dist_between_incidents_at_fault": (
        "driven per collision at fault or departure from the road",
        "km",
    ),
    "progress": ("how far along the recorded path", "share of it, at the end"),
    "progress_rel": ("how far along what was recorded up to that time", "share, the least"),
    "progress_rel_to_total": (
        "how far along the part of the recorded path that the steps can reach",
        "share, may be above 1",
    ),
    "progress_clipped_rel": ("the same, as the score counts it", "share"),
    "dist_traveled_m": ("driven", "m"),
    "gt_dist_traveled_m": ("length of the recorded path", "m"),
    "dist_to_gt_trajectory": ("distance from the recorded path", "m, the largest"),
    "lateral_dist_to_gt_trajectory": ("distance beside the recorded path", "m, the largest"),
    "dist_to_gt_location": ("distance from where the recorded vehicle was", "m, the largest"),
    "min_distance_to_obstacle_m": ("distance from the nearest obstacle", "m"),
    "min_distance_to_lane_boundary_m": ("distance from the nearest lane boundary", "m"),
    "plan_deviation": ("distance between a plan and the one before it, near points more", "m"),
    "duration_frac_20s": ("how long it counted", "share of 20 s"),
}
"""By metric, in the order of a page: what it counts, and in what unit a rollout's number is."""


def meaning(name: str) -> tuple[str, str]:
    """What a metric counts and its unit; empty where this version of Alpasim is ahead of us."""
    if name.startswith("min_ade"):  # min_ade@2.5s(gt): the horizon and what it is compared with
        return "least mean distance of a plan from the path that its name tells", "m"
    return MEANINGS.get(name, ("", ""))


def place(name: str) -> tuple[int, str]:
    """Sorts metrics: those that are known first, then the others by name."""
    known = list(MEANINGS)
    return (known.index(name) if name in MEANINGS else len(known), name)
