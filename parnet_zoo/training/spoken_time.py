"""Lengths of time in words, as exact as an estimate deserves."""

_FEW, _MINUTE, _DAY = 30, 60, 86_400


def spoken_time(seconds: float) -> str:
    """Such as `40 s`, `50 min`, `2 h 10 min` or `3 days`: rounded to about a twentieth."""
    if seconds < _FEW:
        return f"{max(round(seconds), 1)} s"
    if seconds < 2 * _MINUTE - 5:
        return f"{_rounded(seconds, 10)} s"
    if seconds < 100 * _MINUTE:
        return f"{_rounded(seconds, _MINUTE) // _MINUTE} min"
    if seconds < 2 * _DAY:
        hours, minutes = divmod(_rounded(seconds, 10 * _MINUTE) // _MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{_rounded(seconds, _DAY) // _DAY} days"


def _rounded(seconds: float, unit: int) -> int:
    return round(seconds / unit) * unit
