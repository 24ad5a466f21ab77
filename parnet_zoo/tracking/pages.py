"""All that a search of MLflow finds, page by page."""

from collections.abc import Iterator
from typing import Any


def pages(search: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Call a search of MLflow's client with its page token until there is no next page."""
    token = None
    while True:
        page = search(*arguments, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return
