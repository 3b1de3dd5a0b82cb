"""The Field Agent: a LeRobot plug-in policy, and the interface that every driver shares."""
