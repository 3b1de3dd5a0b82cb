"""Training of the Field Agent."""
