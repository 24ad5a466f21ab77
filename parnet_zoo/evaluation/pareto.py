"""Which of several offers no other one beats."""

from collections.abc import Sequence


def pareto_front(offers: Sequence[tuple[float, float]]) -> list[int]:
    """Find the offers that cost less than all that are worth as much or more.

    Args:
        offers: Cost (the less the better) and worth (the more the better) of each.

    Returns:
        Positions, by ascending cost. Of equal offers the first.
    """
    order = sorted(range(len(offers)), key=lambda i: (offers[i][0], -offers[i][1], i))
    front: list[int] = []
    for position in order:
        if not front or offers[position][1] > offers[front[-1]][1]:
            front.append(position)
    return front
