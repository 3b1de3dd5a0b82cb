"""The double's map as OpenDRIVE 1.4: a loop of straights and left bends with a lane each way."""

import math

STRAIGHT_M, RADIUS_M = 120.0, 30.0
LANE_M, SIDEWALK_M = 3.5, 2.0
ROADS = 8


def _lane(number, kind, width, mark, road):
    before, after = (road - 1) % ROADS, (road + 1) % ROADS
    assert before != after
    return (
        f'<lane id="{number}" type="{kind}" level="false">'
        f'<link><predecessor id="{number}"/><successor id="{number}"/></link>'
        f'<width sOffset="0" a="{width}" b="0" c="0" d="0"/>'
        f'<roadMark sOffset="0" type="{mark}" weight="standard" color="standard" width="0.15"'
        ' laneChange="none"/></lane>'
    )


def open_drive():
    """Counter-clockwise from (0, 0) along +x, in OpenDRIVE's own axes (y to the left)."""
    x, y, heading, roads = 0.0, 0.0, 0.0, []
    for road in range(ROADS):
        bend = road % 2 == 1
        length = RADIUS_M * math.pi / 2 if bend else STRAIGHT_M
        shape = f'<arc curvature="{1 / RADIUS_M}"/>' if bend else "<line/>"
        lanes = (
            f"<left>{_lane(2, 'sidewalk', SIDEWALK_M, 'none', road)}"
            f"{_lane(1, 'driving', LANE_M, 'solid', road)}</left>"
            '<center><lane id="0" type="none" level="false">'
            '<roadMark sOffset="0" type="broken" weight="standard" color="standard" width="0.15"'
            ' laneChange="both"/></lane></center>'
            f"<right>{_lane(-1, 'driving', LANE_M, 'solid', road)}"
            f"{_lane(-2, 'sidewalk', SIDEWALK_M, 'none', road)}</right>"
        )
        before, after = (road - 1) % ROADS, (road + 1) % ROADS
        roads.append(
            f'<road name="r{road}" length="{length:.9f}" id="{road}" junction="-1"><link>'
            f'<predecessor elementType="road" elementId="{before}" contactPoint="end"/>'
            f'<successor elementType="road" elementId="{after}" contactPoint="start"/></link>'
            f'<type s="0" type="town"><speed max="30" unit="mph"/></type>'
            f'<planView><geometry s="0" x="{x:.9f}" y="{y:.9f}" hdg="{heading:.9f}"'
            f' length="{length:.9f}">{shape}</geometry></planView>'
            '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile>'
            '<lateralProfile/><lanes><laneOffset s="0" a="0" b="0" c="0" d="0"/>'
            f'<laneSection s="0">{lanes}</laneSection></lanes></road>'
        )
        if bend:
            x += RADIUS_M * (math.sin(heading + math.pi / 2) - math.sin(heading))
            y += RADIUS_M * (math.cos(heading) - math.cos(heading + math.pi / 2))
            heading += math.pi / 2
        else:
            x, y = x + length * math.cos(heading), y + length * math.sin(heading)
    header = (
        '<header revMajor="1" revMinor="4" name="Loop" version="1" date="" north="0" south="0"'
        ' east="0" west="0"><geoReference><![CDATA[+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0'
        " +datum=WGS84 +units=m +no_defs ]]></geoReference></header>"
    )
    return f'<?xml version="1.0"?><OpenDRIVE>{header}{"".join(roads)}</OpenDRIVE>'


def spawn_points():
    """[location, rotation] in CARLA's axes, in the middle of the right lane of each straight.

    CARLA's y is the negative of OpenDRIVE's, and its yaw [degree] turns the other way.
    """
    far = STRAIGHT_M + 2 * RADIUS_M
    middles = [
        (STRAIGHT_M / 2, -LANE_M / 2, 0.0),
        (STRAIGHT_M + RADIUS_M + LANE_M / 2, RADIUS_M + STRAIGHT_M / 2, 90.0),
        (STRAIGHT_M / 2, far + LANE_M / 2, 180.0),
        (-RADIUS_M - LANE_M / 2, RADIUS_M + STRAIGHT_M / 2, 270.0),
    ]
    return [[[x, -y, 0.3], [0.0, -yaw, 0.0]] for x, y, yaw in middles]
