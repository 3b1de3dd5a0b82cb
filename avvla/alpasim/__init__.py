"""Alpasim on two hosts: its run folders, scenes and logs, and the agent as its driver."""
