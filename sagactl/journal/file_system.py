"""Whether a state may lie where it is asked to: on a disk of this machine.

A lock over the network may be held by two at once, a rename may be seen half, and a sync may be
answered by a cache. The kernel's list of mounts says what a folder is on; where there is no such
list, nothing is refused.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sagactl.journal.refusal import StoreRefused

MOUNTS = Path("/proc/self/mountinfo")

# proc(5): octal escapes for blanks and the backslash in the path of a mount.
ESCAPE = re.compile(r"\\([0-7]{3})")

NETWORK = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ncpfs|9p|virtiofs|afs|coda|ceph|gfs2?|ocfs2|lustre|beegfs|glusterfs"
    r"|pvfs2|orangefs|davfs|vboxsf|vmhgfs|prl_fs|fuse|fuse\..*"
)


def demand_local(path: Path) -> None:
    """Raise StoreRefused where the folder of `path` is on a network file system."""
    kind = kind_of(path.parent)
    if is_network(kind):
        raise StoreRefused(
            path,
            f"its folder is on a network file system ({kind}), whose locks and syncs cannot be "
            "relied on; --allow-network-state takes the risk",
        )


def is_network(kind: str | None) -> bool:
    """Whether a file system of this type may be shared with other machines."""
    return kind is not None and NETWORK.fullmatch(kind) is not None


def kind_of(folder: Path) -> str | None:
    """The type of the file system of a folder, such as ext4; None where nobody can say."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        where = os.path.realpath(folder)
    except OSError:
        return None
    left = {mount.number: mount for mount in map(_mount, lines) if mount is not None}
    within, kind = None, None
    while True:
        # As a path is walked: the first mount on the way is entered, and hides all behind its place
        # but what was mounted inside it. The order of the lines says nothing.
        entered = min(
            (
                mount
                for mount in left.values()
                if _is_within(where, mount.point)
                and (mount.within == within if within else _is_outermost(mount, left))
            ),
            key=lambda mount: len(mount.point),
            default=None,
        )
        if entered is None:
            return kind
        del left[entered.number]
        within, kind = entered.number, entered.kind


class _Mount(NamedTuple):
    number: str
    within: str  # the number of the mount that it lies in
    point: str
    kind: str


def _mount(line: str) -> _Mount | None:
    fields, _, rest = line.partition(" - ")
    parts = fields.split(" ")
    if len(parts) < 5 or not rest:
        return None
    point = ESCAPE.sub(lambda found: chr(int(found[1], 8)), parts[4])
    return _Mount(parts[0], parts[1], point, rest.split(" ")[0])


def _is_outermost(mount: _Mount, mounts: Mapping[str, _Mount]) -> bool:
    return mount.within == mount.number or mount.within not in mounts


def _is_within(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
