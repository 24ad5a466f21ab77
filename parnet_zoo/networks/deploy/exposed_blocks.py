"""Which blocks of a network are asked for as outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry import SpecError


def exposed_blocks(model: str, blocks: Mapping[str, str], outputs: Sequence[str]) -> dict[str, str]:
    """Look up the outputs that were asked for.

    Args:
        model: The network's name, for the message.
        blocks: The name of every pyramid level and stage, to the block that ends it.
        outputs: Some of these names.

    Returns:
        Each name asked for, in that order, to its block.

    Raises:
        SpecError: A name does not exist, or none was given.
    """
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    unknown = [str(name) for name in names if name not in blocks]
    if unknown or not names:
        wrong = f"it has no output {' or '.join(unknown)}" if unknown else "no output was named"
        raise SpecError(f"{model}: {wrong}; there are {', '.join(blocks)}")
    return {name: blocks[name] for name in names}
