"""Reinforcement learning on any world's arena: experiments, RLlib training, drivers without Ray."""
