"""The outside world that reads: what a fleet did, as data (`outcome`) and as a page (`timeline`)."""
