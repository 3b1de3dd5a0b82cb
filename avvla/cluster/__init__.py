"""Where work runs: chunks on local processes."""
