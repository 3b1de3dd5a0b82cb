"""What a driver is worth: open loop on held-out clips, closed loop in the embedded world."""
