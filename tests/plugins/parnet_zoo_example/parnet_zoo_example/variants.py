"""The networks that this package registers."""

from collections.abc import Iterator

from .spec import ExampleCnnSpec

SOURCE = "parnet-zoo-example, a package of a third party"


def specs() -> Iterator[ExampleCnnSpec]:
    """Named in this package's pyproject.toml, as entry point of the group parnet_zoo.backbones."""
    yield ExampleCnnSpec(name="example_cnn_s", source=SOURCE, channels=(16, 32, 64))
    yield ExampleCnnSpec(
        name="example_cnn_m", source=SOURCE, channels=(32, 64, 128, 256), dropout=0.1
    )
