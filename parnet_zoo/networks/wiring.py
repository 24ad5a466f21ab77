"""The wiring of any network of this package that has one."""

from __future__ import annotations

from parnet_zoo.networks.topology import Topology
from registry import BackboneSpec


def wiring(spec: BackboneSpec) -> Topology | None:
    """The blocks of a network and how they are joined, from its spec alone.

    Args:
        spec: Any.

    Returns:
        None for a family that does not describe itself so, such as the baselines.
    """
    from parnet_zoo.networks.blog.spec import BlogSpec
    from parnet_zoo.networks.blog.topology import blog_topology
    from parnet_zoo.networks.spec import ParNetSpec
    from parnet_zoo.networks.topology import topology

    if isinstance(spec, ParNetSpec):
        return topology(spec.scaling)
    return blog_topology(spec.scaling) if isinstance(spec, BlogSpec) else None
