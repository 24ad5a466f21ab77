"""ParNet image classifiers, from a folder of pictures to a served model."""

import registry

__all__ = ["registry"]
