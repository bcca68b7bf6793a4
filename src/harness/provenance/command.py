"""One git command: the project's own hooks do not run, and the caller's git variables do not point it elsewhere."""

import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

# Which files configure git is the caller's to say; which repository, index or objects are read is not.
KEPT = re.compile(r"GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|DISCOVERY_ACROSS_FILESYSTEM)")
OPTIONS = ("-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
# What could make git overlook a change, write beside its index, or refuse a file for its line ends.
READING = {
    "core.checkStat": "default",
    "core.safecrlf": "false",
    "core.splitIndex": "false",
    "core.trustctime": "true",
    "core.untrackedCache": "false",
    "diff.orderFile": "/dev/null",
    "diff.suppressBlankEmpty": "false",
    "index.sparse": "false",
}
# No question to a terminal, no fetch of missing objects, no replaced objects, no lock beside a command of the user's.
QUIET = {
    "GIT_ALLOW_PROTOCOL": "",  # an older git knows this one alone
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LANGUAGE": "C",
}
SECONDS = 120.0  # that git may take to read a repository
NO_GIT = 127
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class GitFailed(Exception):
    """Git did not answer, or refused; the message is one line for people, `missing` that there is no git."""

    def __init__(self, what: str, missing: bool = False) -> None:
        super().__init__(what)
        self.missing = missing


def run(root: Path, *arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """One git command, as text; return code 127 where there is no git."""
    process = _run(root, arguments, stdin.encode(errors="surrogateescape"), environment, None)
    stdout, stderr = (each.decode(errors="replace") for each in (process.stdout, process.stderr))
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def output(
    root: Path,
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    codes: Collection[int] = (0,),
) -> bytes:
    """What git prints.

    Raises:
        GitFailed: it is missing, fails, or takes too long: "nothing" is never the answer then.
    """
    return answer(root, *arguments, stdin=stdin, environment=environment, codes=codes).stdout


def answer(
    root: Path,
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    codes: Collection[int] = (0,),
    configuration: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """What git prints on both streams, and its return code, one of `codes`; `configuration` goes before git's own.

    Raises:
        GitFailed: as `output`.
    """
    pairs = {**READING, **(configuration or {})}
    settings = [word for name, value in pairs.items() for word in ("-c", f"{name}={value}")]
    verb = next(word for word in arguments if not word.startswith("-"))
    try:
        process = _run(root, (*settings, *arguments), stdin, {**QUIET, **(environment or {})}, SECONDS)
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {verb} took more than {SECONDS:.0f} s") from None
    if process.returncode not in codes:
        lines = process.stderr.splitlines() or [b"exit code %d" % process.returncode]
        line = next((line for line in reversed(lines) if line.startswith((b"fatal:", b"error:"))), lines[0])
        raise GitFailed(f"git {verb} failed: {words(line)[:300]}", process.returncode == NO_GIT)
    return process


def _run(
    root: Path, arguments: Sequence[str], stdin: bytes, environment: Mapping[str, str], seconds: float | None
) -> "subprocess.CompletedProcess[bytes]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or KEPT.fullmatch(name)}
    command = ["git", "-C", str(root), *OPTIONS, *arguments]
    env = {**own, **environment}
    try:
        return subprocess.run(command, input=stdin, capture_output=True, env=env, timeout=seconds, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, NO_GIT, b"", f"git cannot be run: {error.strerror}".encode())


def line(output: bytes) -> bytes:
    """The one line of an output; a path may end in spaces, so that only the final newline goes."""
    return output.removesuffix(b"\n")


def encoded(text: str) -> tuple[bytes, str]:
    """Text in bytes, and how to decode them: the bytes that it stands for, as far as it stands for any."""
    try:
        return text.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:  # halves of characters, as JSON of others may hold them
        return text.encode("utf-8", "surrogatepass"), "surrogatepass"


def words(raw: bytes) -> str:
    """A path, branch or message of git's for people: no control characters, and bytes that are no UTF-8 as \\xNN."""
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], raw.decode("utf-8", "backslashreplace"))
