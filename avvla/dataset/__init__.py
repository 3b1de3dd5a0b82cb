"""Data sets: raw logs as they come from their source, and the LeRobot data set made of them."""
