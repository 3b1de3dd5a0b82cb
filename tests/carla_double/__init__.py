"""A double of a CARLA 0.9.16 server: enough of its protocol for the real client to drive in.

It is no simulator. It has one small loop of road, cars that are bicycle models, sensors that send
made-up data, and no pedestrians' mesh, weather or graphics. What is measured on it says something
about our side of the wire and nothing about CARLA.
"""
