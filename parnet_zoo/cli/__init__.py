"""The command line: it parses, calls the Python API, and prints."""

import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the signal's number."""

__all__ = ["INTERRUPTED", "main"]


def main() -> None:
    """Run the command line. Ctrl-C ends it in a word, also while its modules are imported."""
    try:
        from parnet_zoo.cli.app import app

        app()
    except KeyboardInterrupt as error:
        sys.stderr.write("interrupted\n")
        sys.exit(int(getattr(error, "exit_code", INTERRUPTED)))
