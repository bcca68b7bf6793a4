"""The process in which the SageMaker SDK runs one local job: `python -m harness.launch.sdk`, the job comes on stdin.

It ends with the host: where stdin closes before a job came it just ends, afterwards it stops and removes the container.
"""

import json
import os
import queue
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from harness.launch import engine
from harness.launch.container import COMPOSE_FILE
from harness.launch.runner import GRACE

# What Docker Compose puts before a container's line.
PREFIX = re.compile(r"^(\x1b\[\d+m)?\S*algo-\d\S*\s*\|(\x1b\[0m)? ?")
Job = dict[str, Any]


def main() -> None:
    """Import the SDK, wait for the job, run it."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    orphaned = threading.Event()
    host = threading.Thread(target=_watch_host, args=(jobs, orphaned), daemon=True)
    host.start()

    import sagemaker.train  # noqa: F401  # what takes the seconds

    from harness.launch import trainer

    job = jobs.get()
    os.environ["COMPOSE_PROJECT_NAME"] = job["project"]
    built, channels = trainer.build(job["request"])
    network = engine.keep_network()
    sys.stdout = _Unprefixed(sys.stdout, lambda: os.close(network))
    try:
        built.train(input_data_config=channels, wait=True)
    except BrokenPipeError:  # nobody reads: the host is gone, and the other thread clears up
        host.join()
    finally:
        if orphaned.is_set():
            host.join()


def _watch_host(jobs: "queue.SimpleQueue[Job]", orphaned: threading.Event) -> None:
    """Hand the job on; when the host has gone, stop the container in order and end this process."""
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()
        if not line:
            os._exit(0)
        job: Job = json.loads(line)
        jobs.put(job)
        stdin.read()
    orphaned.set()
    containers = engine.containers(job["project"])
    if not containers:  # perhaps being made this moment
        time.sleep(3)
        containers = engine.containers(job["project"])
    if containers:
        engine.docker("stop", "--time", f"{GRACE:.0f}", *containers, timeout=2 * GRACE)
        engine.docker("rm", "--force", "--volumes", *containers, timeout=60)
    engine.remove_network()
    (Path(job["root"]) / COMPOSE_FILE).unlink(missing_ok=True)
    os.killpg(0, signal.SIGKILL)  # this process, and Docker Compose where it still runs


class _Unprefixed:
    """A text stream that cuts Docker Compose's prefix off: the SDK writes a line at a time."""

    def __init__(self, stream: TextIO, on_first: Callable[[], None]) -> None:
        self._stream = stream
        self._on_first: Callable[[], None] | None = on_first  # called once, when the container speaks

    def write(self, text: str) -> int:
        """Pass a line on without its prefix."""
        line, prefixed = PREFIX.subn("", text)
        if prefixed and self._on_first is not None:
            self._on_first()
            self._on_first = None
        return self._stream.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    main()
