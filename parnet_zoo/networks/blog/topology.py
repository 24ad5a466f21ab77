"""The wiring of the blog's network as data."""

from __future__ import annotations

from parnet_zoo.networks.blog.spec import STREAMS, BlogScaling
from parnet_zoo.networks.topology import IMAGE, BlockPlan, Topology


def blog_topology(scaling: BlogScaling) -> Topology:
    """Wire the blog's network.

    Blocks stand in the order in which the blog's code creates them, which its checkpoints number
    them by: each stream is followed by the block that merges it, and only then comes the entry of
    the next. A fusion reads (previous, stream), in this order; both fusions have stride 2.
    """
    image = BlockPlan(IMAGE, "downsample", (), 0, scaling.in_channels, 1, 1)
    stem = [_downsample("stem_0", image, scaling.stem_channels)]
    stem.append(_downsample("stem_1", stem[0], scaling.channels[0]))
    blocks, entries = [*stem], [stem[1]]
    ends, merges = list[BlockPlan](), list[BlockPlan]()
    for branch in range(STREAMS):
        if branch:
            entries.append(_downsample(f"enter_{branch}", entries[-1], scaling.channels[branch]))
            blocks.append(entries[-1])
        blocks += _stream(branch, entries[-1], scaling.depth[branch])
        ends.append(blocks[-1])
        merges.append(_merge(branch, ends[-1], merges, scaling))
        blocks.append(merges[-1])
    final = _downsample("final", merges[-1], scaling.final_channels)
    levels = [stem[0], *ends, merges[-1], final]
    return Topology(
        blocks=(*blocks, final),
        stages=_stages([*stem, *entries[1:]], ends, [*merges, final]),
        pyramid={block.scale.bit_length() - 1: block.name for block in levels},
    )


def _stages(
    before: list[BlockPlan], streams: list[BlockPlan], after: list[BlockPlan]
) -> dict[str, str]:
    """Stages in ParNet's order: stem and enter, streams, merges and final."""
    return {
        **{block.name: block.name for block in before},
        **{f"stream_{branch}": end.name for branch, end in enumerate(streams)},
        **{block.name: block.name for block in after},
    }


def _downsample(name: str, source: BlockPlan, channels: int) -> BlockPlan:
    """A block with stride 2."""
    return BlockPlan(
        name=name,
        kind="downsample",
        inputs=(source.name,),
        in_channels=source.out_channels,
        out_channels=channels,
        stride=2,
        scale=2 * source.scale,
    )


def _stream(branch: int, entry: BlockPlan, depth: int) -> list[BlockPlan]:
    names = [f"stream_{branch}_block_{index}" for index in range(depth)]
    channels = entry.out_channels
    return [
        BlockPlan(name, "stream", (source,), channels, channels, 1, entry.scale)
        for name, source in zip(names, [entry.name, *names], strict=False)
    ]


def _merge(
    branch: int, stream: BlockPlan, before: list[BlockPlan], scaling: BlogScaling
) -> BlockPlan:
    """What takes the first stream down, or joins a later one with the result before."""
    channels = scaling.channels[min(branch + 1, STREAMS - 1)]
    if not before:
        return _downsample(f"merge_{branch}", stream, channels)
    return BlockPlan(
        name=f"merge_{branch}",
        kind="fusion",
        inputs=(before[-1].name, stream.name),
        in_channels=stream.out_channels,
        out_channels=channels,
        stride=2,
        scale=2 * stream.scale,
    )
