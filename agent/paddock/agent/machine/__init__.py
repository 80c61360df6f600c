"""The machine: its processes, signals, users, resources, service manager and power switch."""
