"""The command line: it parses, calls the Python API, and prints."""

from parnet_zoo.cli.app import main

__all__ = ["main"]
