"""The secrets that this account knows, and text, addresses and environments without any."""

import base64
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from harness.provenance import assigned, patterns
from harness.provenance.command import CONTROL, encoded

SECRET_NAME = patterns.NAME
SHORTEST = 12  # characters of a value that is taken for a secret; a shorter one is a flag, a word or a number
LARGEST_FILE = 2**16  # bytes of a file of credentials that is read
REDACTED = "[secret]"
# Where tools keep credentials: the variable that names the file, the file below the home folder, what in it is secret.
KEPT_IN = (
    ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", rb"(?im)^\s*aws_\w*(?:key|token)\s*=\s*(\S+)"),
    ("NETRC", ".netrc", rb"\bpassword\s+(\S+)"),
    ("", ".netrc", rb"\bpassword\s+(\S+)"),
    ("COMET_CONFIG", ".comet.config", rb"(?im)^\s*(?:rest_)?api_?key\s*=\s*(\S+)"),
    ("", ".git-credentials", rb"(?m)^\w+://[^:\n]*:([^@\n]+)@"),
    ("", ".config/git/credentials", rb"(?m)^\w+://[^:\n]*:([^@\n]+)@"),
    ("PYPIRC", ".pypirc", rb"(?im)^\s*password\s*[=:]\s*(\S+)"),
    ("NPM_CONFIG_USERCONFIG", ".npmrc", rb"(?im)_(?:authToken|auth|password)\s*=\s*\"?([^\s\"]+)"),
    ("PGPASSFILE", ".pgpass", rb"(?m)^(?:[^:\n#]*:){4}(\S+)$"),
    ("HF_TOKEN_PATH", ".cache/huggingface/token", rb"(\S+)"),
    ("", ".kaggle/kaggle.json", rb"\"key\"\s*:\s*\"([^\"]+)\""),
    ("", ".docker/config.json", rb"\"(?:auth|identitytoken)\"\s*:\s*\"([^\"]+)\""),
    ("", ".config/gh/hosts.yml", rb"oauth_token:\s*(\S+)"),
)


def secrets() -> tuple[bytes, ...]:
    """The values of environment variables whose names speak of a secret, and those in this account's own files.

    Longest first, so that a redaction leaves nothing of one that contains another.
    """
    return _known(tuple(os.environb.items()), os.environ.get("HOME") or _home())


def held(content: bytes) -> bool:
    """Whether a content holds one of them, in any form."""
    return any(form in content for secret in secrets() for form in forms(secret))


@functools.lru_cache(maxsize=4)
def _known(environment: tuple[tuple[bytes, bytes], ...], home: str) -> tuple[bytes, ...]:
    """The secrets of an environment; each command asks thousands of times, and its environment seldom changes."""
    variables = {os.fsdecode(name): value for name, value in environment}
    values = {secret for name, value in variables.items() for secret in _of_variable(name, value)}
    places = tuple(os.fsdecode(variables.get(variable) or f"~/{name}".encode()) for variable, name, _ in KEPT_IN)
    values |= _of_files(places, home)
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def _of_variable(name: str, value: bytes) -> Iterator[bytes]:
    if SECRET_NAME.search(name):
        if len(value) >= SHORTEST and not _is_path(name, value):
            yield value
            # a key of several lines stands in a patch line by line
            yield from (line for line in value.splitlines() if len(line) >= 20 and not line.startswith(b"-----"))
    elif (match := patterns.ADDRESS.pattern.search(value)) and len(match["secret"]) >= SHORTEST:
        yield match["secret"]


def _is_path(name: str, value: bytes) -> bool:
    if name.upper().endswith(("_FILE", "_PATH", "_DIR", "_HOME", "ASKPASS")):
        return True
    if not value.startswith(b"/") or b"\n" in value:
        return False
    path = Path(os.fsdecode(value))
    return os.path.lexists(path) or (len(path.parts) > 2 and path.parent.is_dir())


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:  # no HOME, and no such user
        return "/nonexistent"


@functools.lru_cache(maxsize=4)
def _of_files(places: tuple[str, ...], home: str) -> frozenset[bytes]:
    """The values in files of credentials; `home` is there to read them again where it changes."""
    values: set[bytes] = set()
    for place, (_, _, pattern) in zip(places, KEPT_IN, strict=True):
        path = Path(home) / place.removeprefix("~/")
        try:
            content = path.read_bytes() if path.is_file() and path.stat().st_size <= LARGEST_FILE else b""
        except (OSError, ValueError):
            continue
        values |= {value for value in re.findall(pattern, content) if len(value) >= SHORTEST}
    return frozenset(values)


@functools.lru_cache(maxsize=256)
def forms(secret: bytes) -> frozenset[bytes]:
    """A secret as it is, as an address or JSON writes it, and as base 64 of any text that holds it."""
    text = secret.decode("utf-8", "surrogateescape")
    json_forms = {json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
    sextets = {_sextets(secret, before) for before in range(3)}
    return frozenset({secret, quote(secret, safe="").encode(), *sextets, *(encoded(each)[0] for each in json_forms)})


def _sextets(secret: bytes, before: int) -> bytes:
    """The letters of base 64 that a secret alone decides, where so many bytes stand before it."""
    whole = base64.b64encode(b"\0" * before + secret)
    return whole[-(-8 * before // 6) : 8 * (before + len(secret)) // 6]


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a worker may see: no variable whose name speaks of a secret, none of AWS's."""
    return {
        name: value for name, value in environment.items() if not (SECRET_NAME.search(name) or name.startswith("AWS_"))
    }


def redact(text: str, log: bool = False) -> str:
    """Text without any secret that is known here, any known service's token and any address's password.

    Of a log, what stands as in a file of credentials, or beside a name as `password`, goes too.
    """
    raw, errors = encoded(text)
    for secret in secrets():
        for form in forms(secret):
            raw = raw.replace(form, REDACTED.encode())
    lower = raw.lower()
    for rule in (*patterns.KNOWN, *patterns.GENERAL, *(patterns.FORMS if log else ())):
        if rule.possible(lower):
            raw = rule.pattern.sub(_removed, raw)
    if log and assigned.possible(lower):
        raw = assigned.without(raw, REDACTED.encode())
    return raw.decode("utf-8", errors)


def redact_all(texts: Sequence[str]) -> list[str]:
    """Many texts, each redacted, as fast as one."""
    between = "\n\0\n"
    redacted = redact(between.join(texts)).split(between)
    return redacted if len(redacted) == len(texts) else [redact(text) for text in texts]


class Lines:
    """Redacts a text that comes line by line: of a private key, the lines after its first look like nothing."""

    def __init__(self) -> None:
        self._in_key = False

    def __call__(self, line: str) -> str:
        """The line without secrets."""
        if self._in_key and patterns.KEY_LINE.fullmatch(line):
            return REDACTED
        self._in_key = patterns.KEY_BEGINS.search(line) is not None
        return redact(line, log=True)


def _removed(match: re.Match[bytes]) -> bytes:
    groups = match.groupdict()
    group = next((name for name in ("secret", "value", "pass") if groups.get(name) is not None), 0)
    if match.re is patterns.ADDRESS.pattern and is_port(match["secret"]):
        return match[0]
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return match[0][:start] + REDACTED.encode() + match[0][end:]


def is_port(password: bytes) -> bool:
    """Whether what looks like an address's password is its port and the beginning of its path."""
    return re.match(rb"\d{1,5}(/|$)", password) is not None and b"/" in password


def without_credentials(address: str) -> str:
    """A remote's address without user, password, query and fragment, in every form that git knows.

    Where it cannot be told whether an @ belongs to a password or to the path, what stands before it goes.
    """
    transports = re.match(r"(?:[\w+.-]+::)*", address)
    transport = transports[0] if transports else ""
    rest = address[len(transport) :]
    if transport.startswith("ext::"):
        return "ext::"  # a command line of the user's
    scheme = re.match(r"[\w+.-]+:/{1,3}", rest)
    if scheme:
        rest = _without_user(rest[scheme.end() :])
        rest = scheme[0] + re.split(r"[?#]", rest, maxsplit=1)[0]
    elif "@" in rest and not rest.startswith(("/", ".")):
        user, _, place = rest.rpartition("@")
        rest = rest if re.fullmatch(r"[a-z_][a-z0-9_.-]{0,15}", user) else place
    return redact(CONTROL.sub("", transport + rest))


def _without_user(rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if authority.startswith("["):
        return rest
    user, at, _ = authority.partition("@")
    if at and ":" not in user:
        return rest[len(user) + 1 :]
    broken = not at and ":" in authority and not authority.rpartition(":")[2].isdigit() and "@" in rest
    return rest.rpartition("@")[2] if at or broken else rest
