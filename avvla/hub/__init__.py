"""NVIDIA's data set: chosen clips from the hub, or from a plain folder, into the hub's cache."""
