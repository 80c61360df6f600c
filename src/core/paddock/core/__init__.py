"""The domain of Paddock: no I/O, no vendor, no wall clock, no chance. Everything outside comes through `ports`."""
