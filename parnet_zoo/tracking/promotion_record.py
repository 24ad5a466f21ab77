"""What was decided about a version, as tags for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from parnet_zoo.tracking.limits import cut, key
from parnet_zoo.tracking.provenance import user_name

PREFIX = "parnet_zoo.promotion."
HISTORY = f"{PREFIX}history"
_TAG_CHARACTERS = 5000


def decision_tags(decision: str, reason: str, details: Mapping[str, object]) -> dict[str, str]:
    """The tags of a decision, with who made it and when (UTC).

    Args:
        decision: "champion", "candidate", "none" or "rolled back".
        reason: A sentence, with the numbers that decided.
        details: More, by name; a float is written with six digits, None left out.
    """
    facts = {"decision": decision, "reason": reason, "by": user_name()}
    facts["at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    facts |= {name: _shown(value) for name, value in details.items() if value is not None}
    return {key(PREFIX + name): cut(text, _TAG_CHARACTERS) for name, text in facts.items()}


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
