"""MLflow's limits, and how a run stays within them."""

import hashlib
import re
from collections.abc import Iterator, Mapping

PARAM_CHARACTERS = 6000
TAG_CHARACTERS = 8000
BATCH = 100
_KEY_CHARACTERS = 250
_FORBIDDEN_IN_KEYS = re.compile(r"[^\w\-. :/]")


def cut(text: str, characters: int) -> str:
    """The text if it is short enough, else its beginning with its length and SHA-256.

    So two long values that differ anywhere still differ in MLflow. What no store could encode, as
    in paths that are no UTF-8, becomes an escape.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= characters:
        return text
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    note = f" ... [cut: {len(text)} characters, sha256 {digest}]"
    return text[: characters - len(note)] + note


def key(name: str) -> str:
    """The name as MLflow accepts it: letters, digits and `_-. :/`, at most 250 characters.

    Other characters become `_`; so does what would make it a path that leads elsewhere.
    """
    clean = _FORBIDDEN_IN_KEYS.sub("_", name)
    parts = ["_" if part in ("", ".", "..") else part for part in clean.split("/")]
    clean = "/".join(parts)
    if len(clean) <= _KEY_CHARACTERS:
        return clean
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{clean[: _KEY_CHARACTERS - 17]}-{digest}"


def batches(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The values in pieces that one request may carry."""
    items = list(values.items())
    for start in range(0, len(items), BATCH):
        yield dict(items[start : start + BATCH])
