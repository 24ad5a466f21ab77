"""The errors of the registry, each for a person to read."""


class RegistryError(Exception):
    """Something about a backbone, its spec or its plugin is wrong."""


class SpecError(RegistryError, ValueError):
    """A spec cannot do what was asked of it."""


class UnknownBackboneError(RegistryError, KeyError):
    """No backbone of that name is registered; the message names the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quoted repr


class DuplicateNameError(RegistryError):
    """Two plugins claim one name; the message names both."""
