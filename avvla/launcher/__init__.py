"""Ray's cluster launcher: its files written and checked, its commands called."""
