"""Pools: machines kept warm, by which schedule, what is done about them each minute, and what they come to. Pure."""
