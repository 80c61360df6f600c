"""Ports of whole files, kept in a directory of this machine."""

from paddock.adapters.files.downloads import HttpDownloads
from paddock.adapters.files.objects import FileObjects

__all__ = ["FileObjects", "HttpDownloads"]
