"""``paddock doctor``: the checks of a fleet on AWS, of one on this machine, and of what GitHub knows of either."""
