"""The program on the machine: standard library only, alone with hostile code."""
