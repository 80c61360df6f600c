"""The demo: a whole fleet and a GitHub stand-in on this machine, and jobs of every kind through it."""
