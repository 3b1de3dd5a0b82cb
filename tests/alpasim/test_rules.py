"""Each rule finds what it is for, and nothing in a folder that is right."""

import re

import pytest
from alpasim_factory import OTHER_SCENE, SCENE, TELE, WIDE, run_folder

from avvla.alpasim.configuration import Wanted, changes, write
from avvla.alpasim.parity import folders_match
from avvla.alpasim.rules import check
from avvla.alpasim.run_folder import RunFolder, scene_set
from avvla.errors import UserError

NETWORK, USER, DRIVER = (
    "generated-network-config.yaml", "generated-user-config-0.yaml", "driver-config.yaml",
)  # fmt: skip
COMPOSE = "docker-compose.yaml"


def ready(folder, *, old):
    """A folder for the driver on another host."""
    run = run_folder(folder, old=old)
    write(changes(RunFolder(run), Wanted(driver="192.168.0.2:6000")))
    return run


def edit(run, name, pattern, new, count=1):
    path = run / name
    text, times = re.subn(pattern, new, path.read_text(), count=count)
    assert times, pattern
    path.write_text(text)


def findings(run, role=None):
    return [(found.severity, found.file, found.key) for found in check(RunFolder(run), role)]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("role", [None, "sim", "driver"])
def test_a_folder_that_is_right(tmp_path, old, role):
    assert findings(ready(tmp_path / "run", old=old), role) == []


def test_a_folder_of_one_host_has_warnings_only(run):
    assert {severity for severity, _, _ in findings(run)} == {"warning"}


CASES = [
    # rule, vocabulary, file, edit, by what, finding
    ("port", True, NETWORK, "192.168.0.2:6000", "192.168.0.2:6005", "warning", "driver.addresses"),
    ("form", True, NETWORK, "192.168.0.2:6000", "192.168.0.2", "error", "driver.addresses"),
    ("double", True, NETWORK, "192.168.0.2:6000", "localhost:6001", "error", "driver.addresses"),
    ("managed", False, NETWORK, "managed: false", "managed: true", "error",
     "driver.endpoints.managed"),
    ("metrics", False, NETWORK, "192.168.0.2:6000", "localhost:6000", "error", "driver.endpoints"),
    ("shutdown", True, USER, "do_shutdown: false", "do_shutdown: true", "error",
     "endpoints.do_shutdown"),
    ("scene", True, USER, r"    scene_id: .*\n", "", "error", "scenarios.scene_id"),
    ("part", True, USER, "frame_interval_us: 100000", "frame_interval_us: 30000", "error",
     "scenarios[0].cameras[0].frame_interval_us"),
    ("half", True, USER, "frame_interval_us: 100000", "frame_interval_us: 50000", "warning",
     "scenarios[0].cameras[0].frame_interval_us"),
    ("twice", True, USER, "frame_interval_us: 100000", "frame_interval_us: 200000", "error",
     "scenarios[0].cameras[0].frame_interval_us"),
    ("twice", False, USER, "frame_interval_us: 100000", "frame_interval_us: 200000", "warning",
     "simulation_config.cameras[0].frame_interval_us"),
    ("step", False, USER, "control_timestep_us: 100000", "control_timestep_us: 150000", "error",
     "simulation_config.cameras[0].frame_interval_us"),
    ("pose", True, USER, "egopose_interval_us: 100000", "egopose_interval_us: 70000", "error",
     "scenarios[0].egopose_interval_us"),
    ("offset", True, USER, "first_frame_offset_us: -30000", "first_frame_offset_us: 0", "error",
     "scenarios[0].cameras[0].first_frame_offset_us"),
    ("context", False, USER, "force_gt_duration_us: 1700000", "force_gt_duration_us: 200000",
     "error", "simulation_config.force_gt_duration_us"),
    ("length", True, USER, "n_sim_steps: 200", "n_sim_steps: 900", "warning",
     "scenarios[0].n_sim_steps"),
    ("extra", True, DRIVER, f"    - {TELE}\n", "", "error", "inference.use_cameras"),
    ("lacking", True, DRIVER, TELE, "camera_rear", "error", "scenarios[0].cameras"),
    ("again", True, DRIVER, TELE, WIDE, "error", "inference.use_cameras"),
    ("command", False, COMPOSE, "port=6000", "port=6005", "error", "services.driver-0.command"),
    ("no port", False, COMPOSE, "port=6000", "", "error", "services.driver-0.command"),
    ("bridge", False, COMPOSE, r"    network_mode: host\n(?=    ports)", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "name", "pattern", "new", "severity", "key"),
    [case[1:] for case in CASES],
    ids=[f"{case[0]}-{case[1]}" for case in CASES],
)
def test_a_folder_that_is_wrong(tmp_path, old, name, pattern, new, severity, key):
    run = ready(tmp_path / "run", old=old)
    edit(run, name, pattern, new)
    if (name, new) == (COMPOSE, ""):  # the port of the driver's configuration counts then
        edit(run, DRIVER, "port: 6000", "port: ???")
    found = check(RunFolder(run))
    if severity:
        assert (severity, key) in {(one.severity, one.key) for one in found}
        (first, *_) = [one for one in found if one.key == key]
        assert first.got in str(first)
        assert "\n" not in str(first)
    else:
        assert [one for one in found if one.severity == "error"] == []  # the port is published


def test_a_bridge_publishes_nothing(tmp_path):
    run = ready(tmp_path / "run", old=False)
    edit(run, COMPOSE, r"    network_mode: host\n    ports:\n      - 6000:6000\n", "")
    assert findings(run, "driver") == [("error", COMPOSE, "services.driver-0.network_mode")]
    assert findings(run, "sim") == []


def test_a_driver_that_nobody_names(tmp_path):
    run = run_folder(tmp_path / "run", old=False)
    (run / NETWORK).write_text("driver:\n  endpoints: []\n")
    assert ("error", NETWORK, "driver.endpoints") in findings(run)


def test_one_scene_twice(tmp_path):
    run = ready(tmp_path / "run", old=False)
    with (run / USER).open("a") as file:
        file.write(f"  - scene_id: {SCENE}\n")
    assert findings(run) == [("warning", USER, "scenes.scene_id")]


def test_a_scene_that_the_set_was_not_made_for(tmp_path):
    run = ready(tmp_path / "run", old=True)
    (run / "wizard-config.yaml").write_text(f"scenes:\n  scene_ids: [{SCENE}]\n")
    assert findings(run) == []
    write(changes(RunFolder(run), Wanted(scenes=(OTHER_SCENE,))))
    assert findings(run) == [("warning", USER, "scene_id")]
    (run / "wizard-config.yaml").write_text("scenes: {scene_ids: null, test_suite_id: public}\n")
    assert findings(run) == []


def test_both_hosts_are_compared(tmp_path):
    here, there = (ready(tmp_path / name, old=True) for name in ("sim", "driver"))
    assert list(folders_match(RunFolder(here), RunFolder(there))) == []
    write(
        changes(
            RunFolder(there),
            Wanted(scenes=(OTHER_SCENE,), steps=50, cameras=(WIDE,), driver="10.0.0.1:6000"),
        )
    )
    found = list(folders_match(RunFolder(here), RunFolder(there)))
    keys = {one.key for one in found}
    assert keys == {"driver", "inference.use_cameras", "scenes", "simulation"}
    assert all(str(there) in one.expected for one in found)


def test_the_order_of_cameras_is_without_meaning(tmp_path):
    here, there = (ready(tmp_path / name, old=True) for name in ("sim", "driver"))
    edit(there, DRIVER, f"    - {TELE}\n    - {WIDE}\n", f"    - {WIDE}\n    - {TELE}\n")
    assert list(folders_match(RunFolder(here), RunFolder(there))) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (NETWORK, "", "holds nothing, expected keys and values"),
        (NETWORK, "driver: 5\n", "driver: got 5, expected a list under `addresses`"),
        (NETWORK, "renderer: {endpoints: []}\n", "driver"),
        (NETWORK, "driver: {endpoints: [], addresses: []}\n", "expected a list under"),
        (NETWORK, "a: [\n", "is no YAML"),
        (NETWORK, "a: !!python/object/apply:os.system ['true']\n", ""),
        (USER, "scenarios: []\nsimulation_config: {}\n", "simulation_config"),
        (USER, "a: 1\n", "neither `scenarios` nor"),
        (USER, "scenarios: [{n_sim_steps: .nan}]\n", "n_sim_steps"),
        (USER, "scenarios: [{n_sim_steps: '5'}]\n", "n_sim_steps"),
        (USER, "scenarios: [{n_sim_steps: true}]\n", "n_sim_steps"),
        (DRIVER, "inference: {use_cameras: [], context_length: 0}\n", "context_length"),
        (COMPOSE, "services: []\n", "services"),
    ],
)
def test_damage_is_named_with_its_file(tmp_path, name, text, told):
    run = run_folder(tmp_path / "run", old=True)
    (run / name).write_text(text)
    with pytest.raises(UserError, match=re.escape(name)) as stop:
        check(RunFolder(run))
    assert told in str(stop.value).replace("neither `scenarios` and", "neither `scenarios` nor")


@pytest.mark.parametrize("name", [NETWORK, USER, DRIVER, COMPOSE])
def test_a_missing_file_is_named(run, name):
    (run / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing, expected a folder that"):
        check(RunFolder(run))


def test_no_text(run):
    (run / USER).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        check(RunFolder(run))


def test_every_real_folder_passes(real_run):
    assert {severity for severity, _, _ in findings(real_run)} <= {"warning"}
    assert re.fullmatch(r"[0-9a-f]{32}", scene_set(RunFolder(real_run)))
    layout = RunFolder(real_run).layout
    name = real_run.resolve().name  # the copy
    assert name == "real"
    assert layout.image in ("0.1.3", "0.66.0", "0.111.0")
    assert (layout.evaluation == "profiles") == (layout.image == "0.1.3")
    assert (layout.network == "endpoints") == (layout.image == "0.111.0")
    assert (layout.user == "scenarios") == (layout.image == "0.1.3")
