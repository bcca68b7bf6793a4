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
ENDED = re.compile(r"^(\x1b\[\d+m)*\S*algo-\d\S* exited with code \d+")  # Docker Compose's own words, without it
LAST_LINES = 0.1  # seconds that a container's last lines may come after these words
Job = dict[str, Any]


def main() -> None:
    """Import the SDK, wait for the job, run it."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    orphaned = threading.Event()
    host = threading.Thread(target=_watch_host, args=(jobs, orphaned), daemon=True)
    host.start()

    import sagemaker.train.model_trainer  # noqa: F401  # what takes the seconds; sagemaker.train alone imports nothing

    from harness.launch import trainer

    job = jobs.get()
    os.environ["COMPOSE_PROJECT_NAME"] = job["project"]
    built, channels = trainer.build(job["request"])
    network = engine.keep_network()
    alone = job["request"]["compute"]["instance_count"] == 1
    sys.stdout = _Unprefixed(sys.stdout, lambda: os.close(network), _end_soon if alone else lambda: None)
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
    engine.clear_up(*containers)
    (Path(job["root"]) / COMPOSE_FILE).unlink(missing_ok=True)
    os.killpg(0, signal.SIGKILL)  # this process, and Docker Compose where it still runs


def _end_soon() -> None:
    """End this process when the last lines are through.

    The only container has ended. Docker Compose takes a second to notice, and then the SDK packs copies of outputs that
    are in the run folder already.
    """
    threading.Timer(LAST_LINES, lambda: os._exit(0)).start()


class _Unprefixed:
    """A text stream that cuts Docker Compose's prefix off: the SDK writes a line at a time.

    `on_first` is called once, when the container speaks, `on_end` when it has ended.
    """

    def __init__(self, stream: TextIO, on_first: Callable[[], None], on_end: Callable[[], None]) -> None:
        self._stream, self._on_end = stream, on_end
        self._on_first: Callable[[], None] | None = on_first

    def write(self, text: str) -> int:
        """Pass a line on without its prefix."""
        line, prefixed = PREFIX.subn("", text)
        if prefixed and self._on_first is not None:
            self._on_first()
            self._on_first = None
        length = self._stream.write(line)
        if ENDED.match(text):
            self._on_end()
        return length

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    main()
