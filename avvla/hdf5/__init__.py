"""Episodes of a robot arm in HDF5 files: reading, checking and importing them."""
