"""The runner package: found, fetched, verified, unpacked, and seen to start."""
