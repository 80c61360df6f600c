"""Would this machine's agent serve a job? Gathered by `probes`, decided by `judge`, printed by `command`."""
