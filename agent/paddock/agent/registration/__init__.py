"""The runner's registration with GitHub: just-in-time configuration, or a registration token."""
