"""Paths that are typed as settings."""

import os
import re

from harness.contract.errors import SettingError


def expanded(name: str, path: str) -> str:
    """A path as typed, with `~` and `~user` as the shell means them.

    Raises:
        SettingError: there is no such home, or the path cannot be one.
    """
    whole = os.path.expanduser(path)  # noqa: PTH111  # Path.expanduser raises where nobody has a home
    if whole.startswith("~"):
        raise SettingError(f"{name}={path}: there is no such home folder", legal="a path")
    if "\0" in whole or any(len(part.encode(errors="replace")) > 255 for part in whole.split("/")):
        raise SettingError(f"{name}={path[:60]}… cannot be a path", legal="a path")
    return whole


def quoted(path: str) -> str:
    """A path as a value in Hydra's syntax."""
    if re.fullmatch(r"[\w/.-]+", path, re.ASCII):
        return path
    return "'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'"
