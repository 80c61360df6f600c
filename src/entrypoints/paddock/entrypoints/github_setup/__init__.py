"""A GitHub App is made, its secrets are kept, it is installed: the way of ``paddock github setup``."""

from paddock.entrypoints.github_setup.flow import Setup
from paddock.entrypoints.github_setup.plan import Chosen, chosen
from paddock.entrypoints.github_setup.yaml_file import check_writable, written

__all__ = ["Chosen", "Setup", "check_writable", "chosen", "written"]
