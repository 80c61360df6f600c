"""The use-cases of pools, but for claims, which are a way to launch: keeping, sizing, audit, a look, dismissal."""
