"""AWS's protocols on the wire: who asks for what, checksums, errors in each protocol's shape, spoiled answers."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.server import MotoRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

REGION = "us-east-1"
CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# S3's actions as policies name them.
OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
# Access keys of nobody, and what each protocol says of them: code, message, status.
STRANGERS = {
    "EXPIRED": {
        "json": ("ExpiredTokenException", "The security token included in the request is expired", 400),
        "query": ("ExpiredToken", "The security token included in the request is expired", 403),
        "s3": ("ExpiredToken", "The provided token has expired.", 400),
    },
    "UNKNOWN": {
        "json": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
        "query": ("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
        "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    },
}
Environ = dict[str, Any]  # WSGI's
StartResponse = Callable[..., Any]


class Refused(Exception):
    """An answer of AWS's that is an error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass
class Fault:
    """What S3 does wrong to the next `times` requests of a method whose key, without the bucket, holds a pattern.

    "500", "503"; "drop": no answer; "stall": a late one; "truncate": half of an answer or of an upload, then nothing;
    "wrong": other bytes of the same number arrive.
    """

    method: str
    key: str
    kind: str
    times: int = 1


@dataclass(frozen=True)
class Request:
    """One request that came; `action` is named as in policies, `key` is S3's bucket/key, `body` SageMaker's JSON.

    `protocol` is "json", "s3" or "query"; `sender` an access key.
    """

    service: str
    action: str
    method: str
    key: str
    size: int
    body: dict[str, Any] | None
    protocol: str
    sender: str
    region: str


class Handler(MotoRequestHandler):
    """Quiet; and a connection that is dropped is closed, not kept for another request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def handle_expect_100(self) -> bool:
        return True  # werkzeug says it

    def connection_dropped(self, error: BaseException, environ: Environ | None = None) -> None:
        self.close_connection = True


def sender(environ: Environ) -> dict[str, str]:
    """Key, region and service of a signed request."""
    found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return found.groupdict() if found else {"key": "", "region": REGION, "service": "s3"}


def receive(environ: Environ, half: bool) -> bytes:
    """Read the body, or the half of it, and leave that to be read again.

    Raises:
        ConnectionResetError: its sender has gone before the end.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    chunked = environ.get("wsgi.input_terminated") and not length
    wanted = () if chunked else (length // 2 if half else length,)
    body: bytes = environ["wsgi.input"].read(*wanted)
    if len(body) < length and not half:
        raise ConnectionResetError
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
    return body


def parse(environ: Environ, body: bytes) -> Request:
    """What is asked for."""
    who, method = sender(environ), environ["REQUEST_METHOD"]
    service, key, told = who["service"], "", None
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        protocol, action = "json", target.rpartition(".")[2]
        told = json.loads(body) if service == "sagemaker" and body else None
    elif service == "s3":
        protocol, key = "s3", unquote(environ["PATH_INFO"]).lstrip("/")
        action = (OBJECT if key.partition("/")[2] else BUCKET).get(method, method)
        if "location" in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True):
            action = "GetBucketLocation"
        if method == "POST" and "delete" in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True):
            action = "DeleteObject"  # several at a time
    else:
        protocol, action = "query", parse_qs(body.decode(errors="replace")).get("Action", [method])[0]
    return Request(service, action, method, key, len(body), told, protocol, who["key"], who["region"])


def compare(environ: Environ, body: bytes) -> None:
    """Check an upload's bytes against the checksums that came with them.

    Raises:
        Refused: they are others.
    """
    sums = {
        "CONTENT_MD5": hashlib.md5(body, usedforsecurity=False).digest,
        "X_AMZ_CHECKSUM_CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"),
        "X_AMZ_CHECKSUM_SHA1": hashlib.sha1(body, usedforsecurity=False).digest,
        "X_AMZ_CHECKSUM_SHA256": hashlib.sha256(body).digest,
    }
    for name, computed in sums.items():
        told = environ.get(f"HTTP_{name}")
        if told is not None and told != base64.b64encode(computed()).decode():
            what = "Content-MD5" if name == "CONTENT_MD5" else name.rpartition("_")[2]
            raise Refused("BadDigest", f"The {what} you specified did not match the calculated checksum.")
    told = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if re.fullmatch("[0-9a-f]{64}", told) and told != hashlib.sha256(body).hexdigest():
        text = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refused("XAmzContentSHA256Mismatch", text)


def spoiled(moto: Any, environ: Environ, start_response: StartResponse, kind: str) -> Iterator[bytes]:
    """moto's answer with other bytes, or with the second half missing."""
    parts, status, headers = run_wsgi_app(moto, environ, buffered=True)
    content = b"".join(parts)
    start_response(status, list(headers))
    yield altered(content) if kind == "wrong" else content[: len(content) // 2]
    if kind == "truncate":
        raise ConnectionAbortedError


def altered(content: bytes) -> bytes:
    """As many bytes, but others."""
    return bytes([content[0] ^ 1]) + content[1:] if content else content


def answer(content: dict[str, Any], status: int = 200) -> Response:
    """JSON, as most services speak it."""
    return Response(json.dumps(content), status, content_type="application/x-amz-json-1.1")


def refusal(refused: Refused, asked: Request) -> Response:
    """An error in the shape of the request's protocol."""
    if asked.protocol == "json":
        return answer({"__type": refused.code, "message": refused.message}, refused.status)
    inner = f"<Code>{refused.code}</Code><Message>{refused.message}</Message>"
    if asked.protocol == "query":
        inner = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>0</RequestId></ErrorResponse>"
        return Response(inner, refused.status, content_type="text/xml")
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>0</RequestId></Error>'
    return Response("" if asked.method == "HEAD" else content, refused.status, content_type="application/xml")


def place(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// address."""
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
