"""Runs a command that ends with the process that started it: `python bound.py PARENT_PID COMMAND…`.

Asks the kernel for SIGKILL at the parent's death, which also one that is killed or stopped obeys. Stands alone:
standard library only, run by path. Invariant: the command does not begin when the parent is already gone.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"can not be bound to a parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
