"""The built-in ParNets: the paper's four, and the authors' released checkpoint."""

from collections.abc import Iterator

from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from registry import PublishedResult

PAPER = "https://arxiv.org/abs/2110.07641"
SOURCE = "Goyal et al., Non-deep Networks, table 1"

# name: stream widths, final width, head dropout, and the paper's M parameters, GFLOPs and top-1
_TABLE = {
    "parnet_s": ((96, 192, 384), 1280, 0.0, (19.2, 9.7, 75.19)),
    "parnet_m": ((128, 256, 512), 2048, 0.0, (35.6, 17.2, 76.60)),
    "parnet_l": ((160, 320, 640), 2560, 0.1, (54.9, 26.7, 77.66)),
    "parnet_xl": ((200, 400, 800), 3200, 0.1, (85.0, 41.5, 78.55)),
}


def specs() -> Iterator[ParNetSpec]:
    """Every built-in ParNet spec."""
    for name, (channels, final, dropout, (parameters, gflops, top1)) in _TABLE.items():
        yield ParNetSpec(
            name=name,
            source=SOURCE,
            paper=PAPER,
            published=PublishedResult(top1=top1, parameters_millions=parameters, gflops=gflops),
            scaling=ScalingSpec(channels=channels, final_channels=final, dropout=dropout),
        )
    yield ParNetSpec(
        name="parnet_s_release",
        source="the authors' released S checkpoint, which runs ReLU",
        paper=PAPER,
        scaling=ScalingSpec(channels=(92, 192, 384), final_channels=1280, activation="relu"),
    )
    yield ParNetSpec(
        name="parnet_test",
        source="this project: a tiny network for tests",
        hidden=True,
        scaling=ScalingSpec(
            channels=(16, 24, 40), final_channels=64, depth=(1, 1, 1), resolution=64
        ),
    )
