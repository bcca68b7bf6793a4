"""Workers that do not speak with each other: each one takes the same steps."""

from harness.contract.job import Group, Workers
from harness.contract.program import Runtime


class Alone(Group):
    """One of several, which answers for all of them."""

    def __init__(self, count: int) -> None:
        self.count = count

    def gather(self, text: str) -> list[str]:
        return [text] * self.count


class Apart(Runtime):
    """NumPy, in any number of workers."""

    def join(self, workers: Workers) -> Group:
        return Alone(len(workers.hosts))
