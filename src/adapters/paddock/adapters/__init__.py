"""One folder per outside world. Each adapter of a port passes that port's contract suite."""
