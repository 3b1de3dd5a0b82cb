"""What torchrun starts in test_group."""

import group_work

from avvla.config import Train
from avvla.training import group

if __name__ == "__main__":
    values, _ = group.run(Train(processes=2), "cpu", group_work.gather)
    if group.leads():
        print(values)
