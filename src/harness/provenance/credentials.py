"""What looks like a secret, and text and environments without any."""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SECRET_FILE = re.compile(r"(^|/)(\.env(\..*)?|.*\.pem|id_[a-z0-9]+|credentials|\.comet\.config)$")
SECRET_TEXT = re.compile(
    rb"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|aws_secret_access_key|COMET_API_KEY\s*=\s*\S"
)


def secrets() -> list[bytes]:
    """The values of environment variables whose names speak of a secret; short ones (flags, paths) are not."""
    return [
        value.encode()
        for name, value in os.environ.items()
        if SECRET_NAME.search(name) and len(value) >= 12 and value[0] != "/"
    ]


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a worker may see: no variable whose name speaks of a secret, none of AWS's."""
    return {
        name: value for name, value in environment.items() if not (SECRET_NAME.search(name) or name.startswith("AWS_"))
    }


def redact(text: str) -> str:
    """Text without any secret of the environment in it."""
    for secret in secrets():
        text = text.replace(secret.decode(), "[secret]")
    return text


def without_credentials(address: str) -> str:
    """A remote's address with user, password and query cut out (scp-like addresses hold no secret)."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
