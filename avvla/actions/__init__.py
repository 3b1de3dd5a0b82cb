"""Actions: a driven path as 64 pairs of acceleration and curvature of a unicycle, and back."""
