"""PDM scores of planned trajectories as NAVSIM's devkit computes them, in numpy and shapely."""
