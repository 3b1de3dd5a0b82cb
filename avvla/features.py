"""Names of a sample's features that the data set and the policy share."""

IMAGE = "observation.images.front_wide"
"""The square crop of the front wide camera."""
