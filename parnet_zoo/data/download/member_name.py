"""Names in archives: what may not be in one that is trusted."""

import re

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

_DRIVE = re.compile(r"^[A-Za-z]:")


def check_member_name(name: str, archive: str) -> None:
    """Refuse a whole archive for a member that would leave the folder it is unpacked to.

    The images are written under names of our own, so it could do no harm; but an archive with such
    a member is not what it pretends to be.

    Raises:
        DataError: The name is absolute or leads up.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path) or ".." in path.split("/") or "\0" in path:
        raise DataError(
            f"{archive} holds a path that leaves its folder, {escaped(name)}; nothing of it is used"
        )
