"""How a machine comes to its agent: the files in `machine`, and the user data that carries them there."""

from paddock.adapters.bootstrap.user_data import LARGEST, MODES, Boot, machine_archive, machine_file, render_user_data

__all__ = ["LARGEST", "MODES", "Boot", "machine_archive", "machine_file", "render_user_data"]
