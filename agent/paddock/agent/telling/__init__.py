"""What the machine tells: reports, its log, the runner's own diagnosis."""
