"""The embedded world: roads, traffic, a camera and an expert, with no GPU and no simulator."""
