"""The networks of the blog that ported ParNet to Keras, at its 256 pixels."""

from collections.abc import Iterator

from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec

SOURCE = "a blog's Keras port of ParNet"

# name: stream widths c1 to c3, final width c4
_TABLE = {
    "parnet_blog_s": ((96, 192, 384), 1280),
    "parnet_blog_m": ((128, 256, 512), 2048),
    "parnet_blog_l": ((160, 320, 640), 2560),
    "parnet_blog_xl": ((200, 400, 800), 3200),
}


def specs() -> Iterator[BlogSpec]:
    """Every built-in spec of the blog's network; it published nothing on ImageNet."""
    for name, (channels, final) in _TABLE.items():
        yield BlogSpec(
            name=name,
            source=SOURCE,
            scaling=BlogScaling(channels=channels, final_channels=final),
        )
