"""What the processes of test_group do; spawned processes import it by name."""

import os

import torch


def average(group):
    values = [torch.tensor([1.0, 2.0]) * (group.rank + 1), torch.full((2, 2), float(group.rank))]
    group.average(values)
    return [value.tolist() for value in values], list(range(8))[group.part]


def leave(group):
    if group.rank == 1:
        os._exit(3)
    group.average([torch.ones(2)])
