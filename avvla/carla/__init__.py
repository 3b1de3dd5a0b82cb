"""CARLA as a world to drive in: attached to where it runs, here or on another host, or spawned."""
