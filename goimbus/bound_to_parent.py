"""Run a command that ends when its parent does, however the parent ends.

A script of its own (`python -I -S bound_to_parent.py PARENT_PID COMMAND ...`), because a function
run between fork and exec is not safe in a process with threads. The command takes the script's
place, so that it keeps the process id. Only Linux can bind; elsewhere the command just runs.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
NOT_FOUND_STATUS = 127  # as a shell says it


def bound_to_parent(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line that runs `command` as a child bound to this process."""
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), *command)


def main() -> None:
    """Ask the kernel for SIGTERM at the parent's end, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent process is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"can't run {command[0]}: {error.strerror}\n")
        sys.exit(NOT_FOUND_STATUS)


if __name__ == "__main__":
    main()
