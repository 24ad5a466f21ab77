"""The typed registry of backbones: `registry.get("parnet_xl").build(num_classes=10)`.

It knows specs, not frameworks: importing it imports pydantic and the standard library only.
"""

from registry.catalog import broken_plugins, get, names, register, suggestions, temporary
from registry.cost import Cost
from registry.errors import DuplicateNameError, RegistryError, SpecError, UnknownBackboneError
from registry.spec import MAX_NAME, BackboneSpec, PublishedResult

__all__ = [
    "MAX_NAME",
    "BackboneSpec",
    "Cost",
    "DuplicateNameError",
    "PublishedResult",
    "RegistryError",
    "SpecError",
    "UnknownBackboneError",
    "broken_plugins",
    "get",
    "names",
    "register",
    "suggestions",
    "temporary",
]
