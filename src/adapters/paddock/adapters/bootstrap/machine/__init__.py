"""What is put on a machine: units, scripts, and the program that fetches the agent. Never imported on it."""
