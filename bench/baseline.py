"""EDGE the baseline server as a process on the gateway's core."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.cores import Cores
from bench.errors import PartFailed
from bench.processes import pin
from bench.system import CHECKOUT
from bench.target import Target
from goimbus.bound_to_parent import bound_to_parent

NAME = "raw os.write"


@contextmanager
def running_baseline(cores: Cores) -> Iterator[Target]:
    """Run it for the length of the block. Raises PartFailed."""
    process = subprocess.Popen(
        bound_to_parent((sys.executable, "-m", "bench.baseline_server")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    assert process.stdout is not None
    with process.stdout as output:
        try:
            line = output.readline()
            if not line:
                raise PartFailed("the baseline server", "it ended at its start; see above")
            ports = json.loads(line)
            pin(process.pid, cores.server)
            publish_port = ports.pop("publish")
            yield Target(NAME, ports, publish_port, {"baseline": process.pid}, "baseline")
        finally:
            process.terminate()
            process.wait()
