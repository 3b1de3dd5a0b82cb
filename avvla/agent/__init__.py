"""Driving in real time: a slow Commander, a fast Field Agent, and a safety layer over both."""
