"""The command `tfr-index` for files at URLs.

The program `tfr-index` runs this in place of itself if a file is at a URL. The output, the errors
and the exit status are those that it has for local files.
"""

from .main import main

__all__ = ["main"]
