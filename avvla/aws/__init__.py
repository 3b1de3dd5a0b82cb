"""Machines rented at AWS: images, instances, and what is done on them over ssh."""
