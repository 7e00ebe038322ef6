"""What `lint --fix` does: it mends what can only have been meant, file by file.

A file is looked at and mended again until nothing changes. It is written whole or not at all, and
only where it is still what was read; a symbolic link is left alone, because what it leads to may
lie where nobody asked us to write.
"""

import os
import stat
import tempfile
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path

from sagactl.cli.linting import STDIN, Checked, content_of
from sagactl.cli.loading import check_text
from sagactl.cli.printing import note, print_exactly
from sagactl.cli.refusal import Refused
from sagactl.lint.fixing import fixed
from sagactl.source.problem import Problem
from sagactl.source.reader import decode, read
from sagactl.views.carets import visible

MOST_ROUNDS = 20


def mend(files: list[Path], stdin_name: str, *, only_shows: bool) -> tuple[list[Checked], int]:
    """What is left in each file once it is mended, and how many were changed.

    With `only_shows` the changes are printed as a diff, and nothing is written.
    """
    checked: list[Checked] = []
    changed = 0
    for file in files:
        name = stdin_name if file == STDIN else str(file)
        try:
            before = content_of(file)
            after, done, problems = mended(before, name)
            if only_shows:
                print_exactly(_difference(name, before, after))
            elif file == STDIN:
                print_exactly(after)
            elif after != before:
                _replace(file, before, after)
        except Refused as refusal:
            checked.append(Checked(name, [], refusal.lines))
            continue
        changed += after != before
        if not only_shows:
            note(*map(_said, done))
        checked.append(Checked(name, problems))
    return checked, changed


def mended(content: bytes, name: str) -> tuple[bytes, list[Problem], list[Problem]]:
    """The content with every fix in it, what was mended, and what is found after that."""
    done: list[Problem] = []
    seen = {content}
    problems = check_text(content, name)[1]
    for _ in range(MOST_ROUNDS):
        source, _problems = decode(content, name)
        if source is None:
            break
        text, now = fixed(source, problems)
        after = text.encode("utf-8")
        # Two fixes that undo one another would go on for ever, and none may break the file.
        if after in seen or _breaks(content, after, name):
            break
        seen.add(after)
        content, done = after, [*done, *now]
        problems = check_text(content, name)[1]
    return content, done, problems


def _breaks(before: bytes, after: bytes, name: str) -> bool:
    """Whether what was YAML is none any more."""
    return _is_yaml(before, name) and not _is_yaml(after, name)


def _is_yaml(content: bytes, name: str) -> bool:
    source, _ = decode(content, name)
    return source is not None and read(source)[0] is not None


def _said(problem: Problem) -> str:
    title = "" if problem.fix is None else problem.fix.title
    return f"{problem.place}: mended: {title} [{problem.code}]"


def _difference(name: str, before: bytes, after: bytes) -> bytes:
    """A unified diff that patch and git can apply."""
    if before == after:
        return b""
    one, other = (_lines(content.decode("utf-8")) for content in (before, after))
    whole = []
    shown = visible(name)  # a break in it would forge another file's change
    for line in unified_diff(one, other, shown, shown):
        whole.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(whole).encode("utf-8")


def _lines(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _replace(file: Path, before: bytes, after: bytes) -> None:
    """Write a file anew; Refused where it is not what it was, or no file of its own."""
    try:
        was = os.lstat(file)
        if not stat.S_ISREG(was.st_mode):
            raise Refused(f"{file}: it is no file but a link or the like, and was not mended")
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(after)
                new.flush()
                os.fchmod(handle, stat.S_IMODE(was.st_mode))
                with suppress(PermissionError):
                    os.fchown(handle, was.st_uid, was.st_gid)
                os.fsync(handle)
            is_now = os.lstat(file)
            if (is_now.st_dev, is_now.st_ino) != (was.st_dev, was.st_ino) or (
                file.read_bytes() != before
            ):
                raise Refused(f"{file}: it was changed in the meantime, and was not mended")
            os.replace(name, file)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise Refused(f"{file}: cannot be mended: {error.strerror}") from None
