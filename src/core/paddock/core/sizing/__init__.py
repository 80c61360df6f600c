"""Sizing: how many machines a pool should keep, when, and what that would have meant for its jobs. Pure."""
