"""Runs sagactl and kills it, with SIGKILL, right before or after its n-th append to the journal."""

import os
import signal
import sys

from sagactl.journal.tinydb_store import TinyDBStore

moment, count = sys.argv[1], int(sys.argv[2])
sys.argv = ["sagactl", *sys.argv[3:]]
append = TinyDBStore.append
appended = 0


def dying_append(self, run_id, events, state):  # type: ignore[no-untyped-def]
    global appended
    appended += 1
    if moment == "before" and appended == count:
        os.kill(os.getpid(), signal.SIGKILL)
    append(self, run_id, events, state)
    if moment == "after" and appended == count:
        os.kill(os.getpid(), signal.SIGKILL)


TinyDBStore.append = dying_append  # type: ignore[method-assign]

from sagactl.cli import main  # noqa: E402

main()
