"""Changing a run folder: only what is meant, by service, with comments, once."""

import re

import pytest
import yaml
from alpasim_factory import OTHER_SCENE, SCENE, TELE, WIDE, run_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avvla.alpasim.configuration import Wanted, changes, write
from avvla.alpasim.rules import check
from avvla.alpasim.run_folder import RunFolder, split_address
from avvla.errors import UserError

NETWORK, USER = "generated-network-config.yaml", "generated-user-config-0.yaml"
AWAY = "192.168.0.2:6000"


def configure(run, **wanted):
    made = changes(RunFolder(run), Wanted(**wanted))
    write(made)
    return made


def plain(run, name):
    return yaml.safe_load((run / name).read_text())


def changed_lines(change):
    return [line for line in change.diff.splitlines()[2:] if line[0] in "+-"]


def test_the_driver_is_named_where_its_service_is(run):
    configure(run, driver=AWAY, role="sim")
    services = plain(run, NETWORK)
    if "addresses" in services["driver"]:
        assert services["driver"] == {"addresses": [AWAY]}
        assert services["sensorsim"] == {"addresses": ["localhost:6001"]}
    else:
        assert services["driver"] == {"endpoints": [{"address": AWAY, "managed": False}]}
        assert services["renderer"]["endpoints"] == [{"address": "localhost:6006", "managed": True}]
        assert plain(run, USER)["prometheus"]["worker_ports"] == [6000]


def test_only_lines_that_change_are_touched_and_comments_stay(run):
    made = configure(run, driver=AWAY, steps=60)
    for change in made:
        lines = changed_lines(change)
        assert len(lines) <= 4, change.diff
        assert change.after.count("#") == change.before.count("#")
    steps = next(change for change in made if change.path.name == USER)
    assert any(re.fullmatch(r"\+ +n_sim_steps: 60 +# 20 s", line) for line in changed_lines(steps))


def test_a_second_time_changes_nothing(run):
    wanted = {
        "driver": AWAY, "steps": 60, "cameras": (WIDE,), "resolution": (1280, 720),
        "scenes": (OTHER_SCENE,),
    }  # fmt: skip
    assert configure(run, **wanted)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert configure(run, **wanted) == []
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_what_was_there_is_kept_and_never_overwritten(run):
    first = (run / NETWORK).read_text()
    configure(run, driver=AWAY)
    second = (run / NETWORK).read_text()
    configure(run, driver="10.0.0.9:6000")
    assert (run / f"{NETWORK}.~1~").read_text() == first
    assert (run / f"{NETWORK}.~2~").read_text() == second


def test_the_stock_driver_listens_where_the_network_says(run):
    configure(run, driver="10.0.0.9:7001", role="driver")
    assert plain(run, "driver-config.yaml")["port"] == 7001
    driver = plain(run, "docker-compose.yaml")["services"]["driver-0"]
    assert driver["command"][1].endswith("port=7001")
    assert driver["ports"] == ["7001:7001"]
    assert RunFolder(run).driver_addresses == ("10.0.0.9:7001",)  # the same as on the other host


def test_on_the_simulation_host_the_container_of_the_driver_stays(run):
    made = configure(run, driver=AWAY, role="sim")
    assert {change.path.name for change in made} <= {NETWORK, USER}


def test_several_drivers_become_the_one(tmp_path):
    run = run_folder(tmp_path / "run", old=False)
    path = run / NETWORK
    more = "      managed: true\n    - address: localhost:6008\n      managed: true\nrenderer"
    path.write_text(path.read_text().replace("      managed: true\nrenderer", more))
    configure(run, driver=AWAY)
    assert plain(run, NETWORK)["driver"]["endpoints"] == [{"address": AWAY, "managed": False}]


def test_a_driver_found_at_run_time_is_named(tmp_path):
    run = run_folder(tmp_path / "run", old=False)
    (run / NETWORK).write_text("driver:\n  endpoints: []\n")
    configure(run, driver=AWAY)
    assert plain(run, NETWORK)["driver"]["endpoints"] == [{"address": AWAY, "managed": False}]


def test_cameras_are_chosen_for_both_sides(run):
    configure(run, cameras=(WIDE, "camera_rear"), resolution=(1280, 720))
    user = plain(run, USER)
    (made,) = user.get("scenarios") or [user["simulation_config"]]
    assert [camera["logical_id"] for camera in made["cameras"]] == [WIDE, "camera_rear"]
    assert {(camera["width"], camera["height"]) for camera in made["cameras"]} == {(1280, 720)}
    assert {camera["frame_interval_us"] for camera in made["cameras"]} == {100_000}
    used = plain(run, "driver-config.yaml")["inference"]["use_cameras"]
    assert used == [WIDE, "camera_rear"]


SHORTHAND = f"""\
    cameras:
      {WIDE}: {{width: 1900, height: 1080, frequency_hz: 10}}
      {TELE}:
        width: 1900
        height: 1080
        frame_interval_us: 100000
"""


@pytest.fixture
def shorthand(tmp_path):
    run = run_folder(tmp_path / "run", old=True)
    text = (run / USER).read_text()
    begin, end = text.index("    cameras:"), text.index("    control_timestep_us")
    (run / USER).write_text(text[:begin] + SHORTHAND + text[end:])
    return run


def test_a_mapping_of_cameras_becomes_the_list(shorthand):
    configure(shorthand)
    (made,) = plain(shorthand, USER)["scenarios"]
    expected = {
        "width": 1900, "height": 1080, "frame_interval_us": 100_000,
        "shutter_duration_us": 30_000, "first_frame_offset_us": -30_000,
    }  # fmt: skip
    assert made["cameras"] == [{"logical_id": name, **expected} for name in (WIDE, TELE)]
    assert configure(shorthand) == []
    (shorthand / USER).write_text((shorthand / f"{USER}.~1~").read_text())
    with pytest.raises(UserError, match=r"got a mapping, expected a list"):
        check(RunFolder(shorthand))


@pytest.mark.parametrize("rate", ["0", "-10", ".nan", "true", "fast", "30", ".inf"])
def test_a_rate_that_is_none_is_told(shorthand, rate):
    path = shorthand / USER
    path.write_text(path.read_text().replace("frequency_hz: 10", f"frequency_hz: {rate}"))
    with pytest.raises(UserError, match=r"frequency_hz is .*(expected|give)"):
        configure(shorthand)


def test_scenes_are_replaced_and_several_have_an_entry_each(run):
    configure(run, scenes=(SCENE, OTHER_SCENE))
    user = plain(run, USER)
    entries = user.get("scenarios") or user["scenes"]
    assert [made["scene_id"] for made in entries] == [SCENE, OTHER_SCENE]
    if "scenarios" in user:
        assert entries[0]["cameras"] == entries[1]["cameras"]
    configure(run, scenes=(OTHER_SCENE,))
    assert RunFolder(run).users[0].scene_ids == (OTHER_SCENE,)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"driver": "somewhere"}, "the address is 'somewhere', expected host:port"),
        ({"driver": "host:0"}, "expected host:port"),
        ({"driver": "host:70000"}, "expected host:port"),
        ({"driver": "host:+60"}, "expected host:port"),
        ({"driver": "fe80::1:6000"}, "expected host:port"),
        ({"driver": "a b:6000"}, "expected host:port"),
        ({"steps": 0}, "--steps is 0, expected 1 to"),
        ({"steps": 1 << 31}, "--steps is 2147483648, expected 1 to 2147483647"),
        ({"resolution": (0, 5)}, "--resolution is "),
        ({"cameras": ("a", "a")}, "--cameras has 'a', 'a', expected different names"),
        ({"cameras": ("a\nb",)}, "--cameras has 'a\\nb', expected names without blanks"),
        ({"scenes": ("",)}, "--scene has '', expected names without blanks"),
    ],
)
def test_wishes_that_cannot_be(run, wanted, told):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(UserError, match=re.escape(told)):
        configure(run, **wanted)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_addresses():
    assert split_address("192.168.0.2:6000") == ("192.168.0.2", 6000)
    assert split_address("[fe80::1]:6000") == ("fe80::1", 6000)
    assert split_address("driver-0:6000") == ("driver-0", 6000)


def test_nothing_is_written_when_one_file_is_damaged(run):
    (run / "driver-config.yaml").write_text("inference: 3\n")
    before = (run / NETWORK).read_bytes()
    with pytest.raises(UserError, match=r"driver-config.yaml: inference: .*got 3"):
        configure(run, driver=AWAY)
    assert (run / NETWORK).read_bytes() == before


def test_every_real_folder(real_run):
    wanted = {"driver": AWAY, "steps": 60}
    made = configure(real_run, **wanted)
    assert sum(len(changed_lines(change)) for change in made) <= 14
    assert not [found for found in check(RunFolder(real_run)) if found.severity == "error"]
    assert RunFolder(real_run).driver_addresses == (AWAY,)
    assert configure(real_run, **wanted) == []


def test_a_file_in_no_style_is_left_alone_unless_it_changes(run):
    path = run / "driver-config.yaml"
    path.write_text(path.read_text().replace("    - ", "       -   "))  # as no writer does
    before = path.read_bytes()
    configure(run, steps=60)
    assert path.read_bytes() == before
    configure(run, cameras=(WIDE,))
    assert plain(run, path.name)["inference"]["use_cameras"] == [WIDE]
    assert configure(run, cameras=(WIDE,)) == []


def test_a_real_folder_keeps_its_other_bytes(real_run):
    wanted = {"driver": "localhost:6000", "role": "sim"}
    for change in configure(real_run, **wanted):
        lines = set(change.after.splitlines()) - set(change.before.splitlines())
        assert len(lines) <= 2


PIECES = ["driver", "addresses", "endpoints", "cameras", "???", "6000", "[]", "{}", ": ", "- ",
          "\n", "  ", "null", "!!python/object:os.system", "&a", "*a", "<<: *a", "1e999",
          "2001-99-99",
          "'", '"', "%", "\t", "\x00", "é", "? ", "|", "scenarios",
          "simulation_config"]  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_told_in_one_line(run, data):
    """A piece of a file cut out, doubled or replaced: it is used, or refused with its name."""
    names = [NETWORK, USER, "driver-config.yaml", "docker-compose.yaml"]
    originals = {kept: (run / kept).read_text() for kept in names}
    name = data.draw(st.sampled_from(names))
    original = originals[name]
    begin = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(begin, min(len(original), begin + 80)))
    put = "".join(data.draw(st.lists(st.sampled_from(PIECES), max_size=4)))
    (run / name).write_text(original[:begin] + put + original[end:], encoding="utf-8")
    told = refused(run)
    for kept, text in originals.items():
        (run / kept).write_text(text)
    assert told is None or str(run) in told or "the address is" in told


def refused(run):
    """Configure and check a folder: why not, or None; what is configured stays so."""
    try:
        made = changes(RunFolder(run), Wanted(driver=AWAY, scenes=(SCENE,), cameras=(WIDE,)))
        check(RunFolder(run))
        for change in made:
            change.path.write_text(change.after, encoding="utf-8")
        assert changes(RunFolder(run), Wanted(driver=AWAY)) == []
    except UserError as error:
        return str(error)


def test_every_cut_of_a_real_file_is_told(real_run):
    names = (NETWORK, USER, "driver-config.yaml", "docker-compose.yaml")
    originals = {kept: (real_run / kept).read_text() for kept in names}
    for name, original in originals.items():
        for end in range(0, len(original), len(original) // 8):
            (real_run / name).write_text(original[:end])
            told = refused(real_run)
            for kept, text in originals.items():
                (real_run / kept).write_text(text)
            assert told is None or str(real_run) in told
