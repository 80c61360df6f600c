"""The runner package: programs and scripts that behave like actions/runner at every seam an agent can see."""
