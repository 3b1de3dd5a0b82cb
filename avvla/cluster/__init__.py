"""Where work runs: chunks on local processes or a Ray cluster, and their results kept."""
