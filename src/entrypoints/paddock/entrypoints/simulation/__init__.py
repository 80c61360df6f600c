"""``paddock simulate`` without the terminal: the engine behind one value, and policies run on one workload."""
