"""What a spec's network is called in Keras."""

from registry import BackboneSpec


def keras_name(spec: BackboneSpec) -> str:
    """The spec's name without what Keras forbids in its scopes, as the + in `parnet_s+w1.25`."""
    return spec.name.replace("+", "_")
