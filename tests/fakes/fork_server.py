"""Workers without the seconds that TensorFlow's import takes: each is forked from a process that has imported it.

As a program it is that process: it reads a folder a line, forks a worker for it, and prints the worker's process id
and, when that has ended, its exit code.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"


class Forge:
    """The process that forks workers, one at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def start(self, base: Path) -> int:
        """The process id of a new worker."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(base, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """Wait for the worker: its exit code, or minus the signal that ended it."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def main() -> None:
    from harness.frameworks import tensorflow

    tensorflow.configure(2)
    from harness.worker import __main__
    from programs.cifar10 import fit

    assert fit
    print("ready", flush=True)
    for line in sys.stdin:
        base = line.strip()
        child = os.fork()
        if child == 0:
            log = os.open(Path(base, "log.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os._exit(__main__.main(base))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
