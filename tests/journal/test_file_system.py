"""Which folders a state may lie in, by the kernel's list of mounts (row S15 of the catalogue).

The list is the one thing here that is not ours: the tests write one of their own. Its lines are
those of proc(5): a mount's number and that of the one it lies in, the device, the root, the place,
options, a hyphen, and the type.
"""

from pathlib import Path

import pytest
from journal.samples import began, begun, count, started

from sagactl.journal import file_system
from sagactl.journal.compaction import compact
from sagactl.journal.file_system import demand_local, is_network, kind_of
from sagactl.journal.store import RunHeld, StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore

ROOT = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of mounts; an empty one says nothing of any folder."""
    path = tmp_path / "mountinfo"
    path.write_text("")
    monkeypatch.setattr(file_system, "MOUNTS", path)
    return path


@pytest.fixture
def share(mounts: Path, tmp_path: Path) -> Path:
    """A state in a folder of a server's."""
    mounts.write_text(f"{ROOT}\n{line(30, 21, tmp_path / 'share', 'nfs4')}\n")
    return tmp_path / "share" / ".sagactl" / "state.json"


def line(number: int, within: int, point: Path | str, kind: str) -> str:
    return f"{number} {within} 0:{number} / {point} rw,relatime shared:{number} - {kind} source rw"


# --- Which file system it is


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "fuse.s3fs", "9p", "virtiofs", "ceph",
     "lustre", "glusterfs", "gfs2", "ocfs2", "afs", "vboxsf", "davfs"],
)  # fmt: skip
def test_what_other_machines_may_share_is_a_network(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind",
    ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "apfs", "vfat", "exfat", "ntfs3",
     "fuseblk", "nfsd", None],
)  # fmt: skip
def test_a_disk_of_this_machine_is_none(kind: str | None) -> None:
    assert not is_network(kind)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/home", "ext4"),
        ("/srv/share", "nfs4"),
        ("/srv/share/a/b", "nfs4"),
        ("/srv/shared", "ext4"),
        ("/srv/share2", "ext4"),
        ("/srv", "ext4"),
        ("/srv/share/local", "xfs"),
        ("/srv/share/local/deep", "xfs"),
        ("/srv/share/local/deep/again/x", "fuse.sshfs"),
    ],
)
def test_a_folder_is_on_the_innermost_mount(mounts: Path, folder: str, kind: str) -> None:
    lines = [
        line(33, 32, "/srv/share/local/deep/again", "fuse.sshfs"),
        line(32, 31, "/srv/share/local", "xfs"),
        line(31, 21, "/srv/share", "nfs4"),
        ROOT,
    ]
    for order in (lines, lines[::-1]):  # the kernel tells them in the order of their making, or not
        mounts.write_text("\n".join(order) + "\n")
        assert kind_of(Path(folder)) == kind


def test_a_mount_over_another_one_hides_it(mounts: Path) -> None:
    below, above = line(31, 21, "/data", "nfs4"), line(32, 31, "/data", "ext4")
    for order in ([ROOT, below, above], [above, below, ROOT]):
        mounts.write_text("\n".join(order))
        assert kind_of(Path("/data")) == "ext4"
    mounts.write_text(
        "\n".join([ROOT, line(31, 21, "/data", "ext4"), line(32, 31, "/data", "nfs")])
    )
    assert kind_of(Path("/data/x")) == "nfs"


def test_a_mount_over_the_folder_of_another_one_hides_it(mounts: Path) -> None:
    hidden, inside_it = line(31, 21, "/data/disk", "xfs"), line(32, 31, "/data/disk/more", "ext4")
    over = line(33, 21, "/data", "cifs")
    for order in ([ROOT, hidden, inside_it, over], [over, inside_it, hidden, ROOT]):
        mounts.write_text("\n".join(order))
        for folder in ("/data", "/data/disk", "/data/disk/more/x"):
            assert kind_of(Path(folder)) == "cifs"


def test_the_root_may_be_told_after_what_lies_in_it(mounts: Path) -> None:
    first = "1 1 0:1 / / rw - rootfs rootfs rw"
    mounts.write_text("\n".join([line(22, 21, "/proc", "proc"), first, ROOT]))
    assert kind_of(Path("/proc/self")) == "proc"
    assert kind_of(Path("/home")) == "ext4"


def test_a_place_with_blanks_is_told_in_octal(mounts: Path) -> None:
    names = {"/a\\040b": "/a b", "/t\\011b": "/t\tb", "/n\\012l": "/n\nl", "/b\\134s": "/b\\s"}
    mounts.write_text(
        "\n".join([ROOT, *(line(30 + n, 21, name, "nfs") for n, name in enumerate(names))])
    )
    for folder in names.values():
        assert kind_of(Path(folder) / "x") == "nfs"
    assert kind_of(Path("/a\\040b")) == "ext4"  # a folder of just this name


@pytest.mark.parametrize("name", [b"/\xe9t\xe9", "/é\u2028\x85".encode(), b"/a\x0b\x0c\x1cb"])
def test_a_place_may_have_any_other_name(mounts: Path, name: bytes) -> None:
    folder = name.decode("utf-8", "surrogateescape")
    mounts.write_bytes(f"{ROOT}\n{line(30, 21, folder, 'nfs')}\n".encode(errors="surrogateescape"))
    assert kind_of(Path(folder)) == "nfs"


def test_a_link_is_followed_to_where_it_leads(mounts: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    mounts.write_text(f"{ROOT}\n{line(30, 21, tmp_path / 'far', 'cifs')}\n")
    assert kind_of(tmp_path / "near") == "cifs"
    with pytest.raises(StoreRefused, match=r"on a network file system \(cifs\)"):
        demand_local(tmp_path / "near" / "state.json")


def test_mounts_without_a_root_say_nothing_of_other_folders(mounts: Path) -> None:
    mounts.write_text(line(30, 21, "/mnt", "nfs"))
    assert kind_of(Path("/mnt/x")) == "nfs"
    assert kind_of(Path("/home")) is None


@pytest.mark.parametrize(
    "text",
    ["", "\n", "nonsense\n", "21 1 8:1 / /\n", "21 1 8:1 / / rw -\n", " - nfs\n", "1 - nfs x rw\n",
     "a b c d / rw - \n"],
)  # fmt: skip
def test_a_list_that_says_nothing_refuses_nothing(mounts: Path, text: str) -> None:
    mounts.write_text(text)
    assert not is_network(kind_of(Path("/home")))
    demand_local(Path("/home/state.json"))


def test_a_list_that_goes_in_circles_ends(mounts: Path) -> None:
    mounts.write_text(
        "\n".join([line(1, 2, "/", "ext4"), line(2, 1, "/", "xfs"), line(3, 3, "/", "tmpfs")])
    )
    assert not is_network(kind_of(Path("/home")))


def test_without_a_list_nothing_is_refused(mounts: Path, tmp_path: Path) -> None:
    mounts.unlink()
    assert kind_of(tmp_path) is None
    begun(tmp_path / "state.json")
    assert count(tmp_path / "state.json") == 1


# --- What follows from it


def test_S15_nothing_is_written_on_a_network(share: Path) -> None:
    for again in range(2):
        store = TinyDBStore(share, create=True)
        with pytest.raises(StoreRefused, match="--allow-network-state") as refusal:
            store.append("order-1", [started()], "started")
        assert (refusal.value.path, again) == (share, again)
        with pytest.raises(StoreRefused, match="network file system"):
            store.reserve(1)
    with (
        pytest.raises(StoreRefused, match="network file system"),
        TinyDBStore(share, create=True).hold("order-1"),
    ):
        pass
    assert not share.parent.parent.exists()


def test_S15_a_state_on_a_network_is_read(share: Path) -> None:
    share.parent.mkdir(parents=True)
    TinyDBStore(share, create=True, allow_network=True).append("order-1", [started()], "started")
    store = TinyDBStore(share, create=False)
    assert store.read("order-1") == (started(),)
    assert store.find("order") == "order-1"
    assert [summary.run_id for summary in store.summaries()] == ["order-1"]
    before = {path: path.read_bytes() for path in share.parent.iterdir()}
    with pytest.raises(StoreRefused, match="network file system"):
        store.append("order-1", [began()], "pending")
    assert {path: path.read_bytes() for path in share.parent.iterdir()} == before
    assert store.read("order-1") == (started(),)


def test_S15_whoever_takes_the_risk_writes(share: Path) -> None:
    store = TinyDBStore(share, create=True, allow_network=True)
    store.append("order-1", [started()], "started")
    with (
        store.hold("order-1"),
        pytest.raises(RunHeld),
        TinyDBStore(share, create=False, allow_network=True).hold("order-1"),
    ):
        pass
    store.append("order-1", [began()], "pending")
    assert compact(share)
    assert count(share) == 2


def test_S15_only_the_folder_of_the_state_counts(mounts: Path, tmp_path: Path) -> None:
    """What is around it may be anywhere, and so may be what lies beside it."""
    (tmp_path / "work").mkdir()
    mounts.write_text(
        "\n".join(
            [
                line(21, 1, "/", "nfs"),
                line(30, 21, tmp_path, "overlay"),
                line(31, 30, tmp_path / "work" / "share", "nfs"),
            ]
        )
    )
    begun(tmp_path / "work" / "state.json")
    assert count(tmp_path / "work" / "state.json") == 1
