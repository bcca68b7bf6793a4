"""No key and no settings."""

from typing import Any


def get_config() -> None:
    return None


def get_api_key(key: None, config: Any) -> None:
    return None
