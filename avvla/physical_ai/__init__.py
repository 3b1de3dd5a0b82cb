"""NVIDIA's PhysicalAI-Autonomous-Vehicles layout: its cameras, writer, manifest and reader."""
