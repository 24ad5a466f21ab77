"""Errors that a user can mend: the command line prints their message and exits with their code."""


class ParnetZooError(Exception):
    """Base of all errors with a message for the user.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 1


class UsageError(ParnetZooError):
    """A recipe, an argument or a spec is wrong."""

    exit_code = 2


class DataError(ParnetZooError):
    """The training data is missing or cannot be used."""

    exit_code = 3


class TrackingError(ParnetZooError):
    """The MLflow store does not answer, or does not have what was asked for."""

    exit_code = 4


class StoreAwayError(TrackingError):
    """The MLflow store does not answer, or is in trouble; it may be back later."""


class DivergenceError(ParnetZooError):
    """A training went wrong for good; going on with it would only repeat that."""


class ImageError(ParnetZooError):
    """An image could not be read."""

    exit_code = 5
