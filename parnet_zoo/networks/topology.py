"""ParNet's wiring as data: which block follows which, drawn once for every form of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from parnet_zoo.networks.spec import ScalingSpec

IMAGE = "image"


@dataclass(frozen=True)
class BlockPlan:
    """One block: what it reads and what it gives.

    Attributes:
        name: e.g. `stem_0`, `enter_1`, `stream_2_block_4`, `merge_1`, `final`.
        kind: "downsample" (stem, enter, merge 0, final; also where the stride is 1), "stream" (the
            RepVGG-SSE block) or "fusion" (of a stream and the result before, on two halves).
        inputs: Names of the blocks it reads; a fusion reads (stream, previous).
        in_channels: Channels of each input.
        out_channels: Channels of the output.
        stride: 1 or 2.
        scale: Total stride of the output relative to the image.
    """

    name: str
    kind: Literal["downsample", "stream", "fusion"]
    inputs: tuple[str, ...]
    in_channels: int
    out_channels: int
    stride: int
    scale: int

    @property
    def groups(self) -> int:
        """Groups of the block's convolutions."""
        return 2 if self.kind == "fusion" else 1

    @property
    def joined_channels(self) -> int:
        """Channels that the block's convolutions read, all inputs together."""
        return self.in_channels * len(self.inputs)


@dataclass(frozen=True)
class Topology:
    """All blocks in an order in which they can be computed, and the names of the stages.

    Attributes:
        blocks: The blocks; the last one is the final block.
        stages: Stage name (`stem_0`, `stream_1`, `merge_2`, `final`, ...) to the block ending it.
        pyramid: Level n to the name of the block with stride 2^n, for detectors and segmenters.
    """

    blocks: tuple[BlockPlan, ...]
    stages: dict[str, str]
    pyramid: dict[int, str]


def topology(scaling: ScalingSpec) -> Topology:
    """Wire the network of a scaling spec (section 3 of the paper, for 1 to 4 branches)."""
    entries = _entries(scaling)
    streams = [
        _stream(scaling, branch, entries[-scaling.branches + branch])
        for branch in range(scaling.branches)
    ]
    merges = _merges(scaling, [stream[-1] for stream in streams])
    last = merges[-1] if merges else streams[-1][-1]
    final = _downsample("final", last, scaling.final_channels, stride=2)
    blocks = (*entries, *(block for stream in streams for block in stream), *merges, final)
    stages = {entry.name: entry.name for entry in entries}
    stages |= {f"stream_{branch}": stream[-1].name for branch, stream in enumerate(streams)}
    stages |= {merge.name: merge.name for merge in merges} | {"final": "final"}
    ends = [entries[0], *(stream[-1] for stream in streams[:-1]), last, final]
    pyramid = {block.scale.bit_length() - 1: block.name for block in ends}
    return Topology(blocks, stages, {level: name for level, name in pyramid.items() if level > 0})


def _downsample(name: str, source: BlockPlan, channels: int, stride: int) -> BlockPlan:
    return BlockPlan(
        name=name,
        kind="downsample",
        inputs=(source.name,),
        in_channels=source.out_channels,
        out_channels=channels,
        stride=stride,
        scale=source.scale * stride,
    )


def _entries(scaling: ScalingSpec) -> list[BlockPlan]:
    """The chain of stem and enter blocks; the last `branches` of them start a stream each."""
    stride = 2 if scaling.stem == "imagenet" else 1
    image = BlockPlan(IMAGE, "downsample", (), 0, scaling.in_channels, 1, 1)
    first, second = scaling.stem_channels
    chain = [_downsample("stem_0", image, first, stride)]
    chain.append(_downsample("stem_1", chain[-1], second, stride))
    for branch in range(1, scaling.branches):
        chain.append(_downsample(f"enter_{branch}", chain[-1], scaling.channels[branch], 2))
    return chain


def _stream(scaling: ScalingSpec, branch: int, entry: BlockPlan) -> list[BlockPlan]:
    blocks = []
    source = entry.name
    for index in range(scaling.depth[branch]):
        name = f"stream_{branch}_block_{index}"
        channels = scaling.channels[branch]
        blocks.append(BlockPlan(name, "stream", (source,), channels, channels, 1, entry.scale))
        source = name
    return blocks


def _merges(scaling: ScalingSpec, streams: list[BlockPlan]) -> list[BlockPlan]:
    last = scaling.branches - 1
    if last == 0:
        return []
    merges = [_downsample("merge_0", streams[0], scaling.channels[1], stride=2)]
    for branch in range(1, scaling.branches):
        stride = 1 if branch == last else 2
        merges.append(
            BlockPlan(
                name=f"merge_{branch}",
                kind="fusion",
                inputs=(streams[branch].name, merges[-1].name),
                in_channels=scaling.channels[branch],
                out_channels=scaling.channels[min(branch + 1, last)],
                stride=stride,
                scale=streams[branch].scale * stride,
            )
        )
    return merges
