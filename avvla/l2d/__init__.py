"""The open data set L2D (LeRobot v3, 10 Hz): its drives, read from state tables and one camera."""
