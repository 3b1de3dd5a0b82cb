"""The double as a process: `python -m carla_double`."""

from carla_double.server import main

main()
