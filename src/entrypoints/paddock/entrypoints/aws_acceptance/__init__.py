"""An acceptance on AWS: the environment, what looks at it, and what has its machines taken back."""
