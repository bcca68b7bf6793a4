"""Hold an RO-Crate against its own validator, without a network: `python validate_crate.py CRATE CONTEXT`.

Runs in the environment of requirements-crate.lock. The one document that the validator would fetch, RO-Crate's JSON-LD
context, is a part of the package `rocrate`: CONTEXT is that file, and goes into the validator's own cache.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

URL = "https://w3id.org/ro/crate/1.1/context"


class Stored(HTTPAdapter):
    """Answers every request with the same document."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        kind = {"Content-Type": "application/ld+json"}
        raw = HTTPResponse(
            io.BytesIO(self.content), kind, 200, preload_content=False, request_method="GET", request_url=request.url
        )
        return self.build_response(request, raw)


def main(crate: str, context: str) -> int:
    """The validator's exit code; what it says is printed."""
    with tempfile.TemporaryDirectory() as scratch:
        cache = str(Path(scratch) / "cache")
        with CachedSession(cache, expire_after=-1) as session:
            session.mount("https://", Stored(Path(context).read_bytes()))
            session.get(URL)
        command = [str(Path(sys.executable).with_name("rocrate-validator")), "-y", "--disable-color", "validate"]
        options = ["--offline", "--cache-path", cache, "--no-paging"]
        return subprocess.run([*command, *options, crate], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
