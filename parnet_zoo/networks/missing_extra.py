"""A library that is installed only with one of this project's extras."""

from parnet_zoo.errors import UsageError


class MissingExtraError(UsageError, ImportError):
    """A module needs an extra that is not installed; the message names it."""
