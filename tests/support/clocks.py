"""A clock that is set back while a program runs."""

from pathlib import Path

# Each look at the clock is an hour before the one before it.
BACKWARDS = """
import datetime, time
looks, now = [], time.time
def earlier():
    looks.append(0)
    return now() - 3600 * len(looks)
class Backwards(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(earlier(), tz)
time.time, datetime.datetime = earlier, Backwards
"""


def lay_into(folder: Path) -> None:
    """What sets the clock back in every Python that has this folder in its PYTHONPATH."""
    (folder / "sitecustomize.py").write_text(BACKWARDS)
