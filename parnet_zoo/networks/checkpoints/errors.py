"""What can be wrong with a checkpoint."""

from parnet_zoo.errors import UsageError


class CheckpointError(UsageError):
    """A checkpoint is broken, hostile, or of another network."""
