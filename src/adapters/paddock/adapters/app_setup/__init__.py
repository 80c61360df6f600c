"""Setting a GitHub App up: the page on this machine, where its secrets are kept, and its lines in paddock.yml."""

from paddock.adapters.app_setup.files import FileKeeper, Keeper, Kept, in_safety
from paddock.adapters.app_setup.lines import edited, lines
from paddock.adapters.app_setup.page import Stage, View
from paddock.adapters.app_setup.web import Door

__all__ = ["Door", "FileKeeper", "Keeper", "Kept", "Stage", "View", "edited", "in_safety", "lines"]
