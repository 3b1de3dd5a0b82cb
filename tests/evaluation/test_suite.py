import numpy as np

from avvla.evaluation import suite
from avvla.evaluation.judges import JUDGED
from avvla.evaluation.names import ON_THE_ROAD
from avvla.evaluation.suite import Task
from avvla.policy.interface import ConstantVelocity

# A bound method of a dictionary is a factory that other processes can unpickle.
STRAIGHT_ON = dict.fromkeys(ON_THE_ROAD, ConstantVelocity()).__getitem__


def test_tasks_are_blocks_of_twenty_roads():
    tasks = suite.tasks(45)
    assert len(tasks) == 3 * len(ON_THE_ROAD) * len(JUDGED)
    assert tasks[:3] == [
        Task("agent", JUDGED[0], tuple(range(20))),
        Task("agent", JUDGED[0], tuple(range(20, 40))),
        Task("agent", JUDGED[0], tuple(range(40, 45))),
    ]


def test_every_driver_drives_every_road_and_workers_change_nothing(params, drives, monkeypatch):
    monkeypatch.setattr(suite, "JUDGED", ("stop", "lead"))
    alone, shared = (suite.run(STRAIGHT_ON, params, workers) for workers in (1, 2))
    roads = [(family, seed) for family in ("stop", "lead") for seed in (0, 1)]
    known = {(drive.family, drive.seed): drive for drive in drives["agent"]}
    for driven in (alone, shared):
        assert list(driven) == list(ON_THE_ROAD)
        for listed in driven.values():
            assert [(drive.family, drive.seed) for drive in listed] == roads
            for drive in listed:
                expected = known[drive.family, drive.seed]
                np.testing.assert_array_equal(drive.states, expected.states)
                assert drive.success == expected.success


def test_a_process_makes_each_driver_once(params, monkeypatch):
    monkeypatch.setattr(suite, "JUDGED", ("stop", "lead"))
    made = []

    def factory(driver):
        made.append(driver)
        return ConstantVelocity()

    suite.run(factory, params, 1)
    assert made == list(ON_THE_ROAD)


def test_metrics_have_the_keys_that_others_read(drives):
    metrics = suite.metrics(drives)
    assert set(metrics) == {"families", "blind", "constant_velocity"}
    for driver in (metrics, metrics["blind"], metrics["constant_velocity"]):
        assert list(driver["families"]) == list(JUDGED)
        for rates in driver["families"].values():
            assert {"success", "off_road", "collision", "n", "mean_offset_m"} <= set(rates)
            assert rates["n"] == 2
