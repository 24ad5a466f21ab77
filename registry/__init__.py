"""The typed registry of backbones: `registry.get("parnet_xl").build(num_classes=10)`.

It knows specs, not frameworks: importing it imports pydantic and the standard library only.
"""

from registry.catalog import (
    broken_plugins,
    families,
    get,
    names,
    register,
    suggestions,
    temporary,
)
from registry.cost import Cost
from registry.errors import (
    DuplicateNameError,
    FieldProblem,
    RegistryError,
    SpecError,
    UnknownBackboneError,
)
from registry.mapping import from_mapping
from registry.schema import schema
from registry.spec import MAX_NAME, BackboneSpec, PublishedResult
from registry.validated import validated

__all__ = [
    "MAX_NAME",
    "BackboneSpec",
    "Cost",
    "DuplicateNameError",
    "FieldProblem",
    "PublishedResult",
    "RegistryError",
    "SpecError",
    "UnknownBackboneError",
    "broken_plugins",
    "families",
    "from_mapping",
    "get",
    "names",
    "register",
    "schema",
    "suggestions",
    "temporary",
    "validated",
]
