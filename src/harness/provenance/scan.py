"""Find secrets in what is about to leave: contents, names, settings and words of a command line.

Rules of our own, not detect-secrets: importing that takes a second, and its entropy and keyword plugins report the
hashes of every lock. A line with `pragma: allowlist secret` is let through, as there.
"""

import math
import re
from collections.abc import Mapping

from harness.contract.errors import NotReady, SettingError
from harness.provenance import patterns
from harness.provenance.command import encoded, words
from harness.provenance.credentials import forms, is_port, secrets
from harness.provenance.patterns import ADDRESS, FORMS, GENERAL, KNOWN, Rule

ALLOWED = b"pragma: allowlist secret"
OWN = "value of your environment or credentials"
ASSIGNED = "password or key"
WORDS = (
    rb"passw(?:or)?d|passphrase|(?<!com)(?<!by)pass(?![a-z])|pwd|secret|token(?!i[sz])|credentials?|cookie|session[_-]?id"
    rb"|(?:api|access|auth|private|encryption|signing|master|account|storage|deploy|client|consumer|license|fernet)[_-]?key"
)
ASSIGNMENT = re.compile(
    rb"(?i)(?P<name>(?:" + WORDS + rb")[\w.-]{0,40})[\"']?\]?[ \t]*(?::=|=>|[:=]|>|(?<=[_a-z]key)[ \t])[ \t]*"
    rb"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\n]{6,200})(?P=quote)|(?P<plain>[^\s\"'#;,<]{6,200})(?=[\s;,#<]|$))"
)
ASSIGNED_ANCHORS = (b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"cookie", b"session")
# Where `password = name` is an expression or prose; elsewhere a bare word is the password itself.
CODE = re.compile(r"\.(pyx?|pyi|ipynb|[jt]sx?|[ch](pp|xx)?|cu|go|rs|java|rb|sql|md|rst|tex|html?|css)$", re.IGNORECASE)
# What stands in the place of a secret, or only names one.
PLACEHOLDER = re.compile(
    rb"(?i)^(?:[x*._-]+|.*(?:example|placeholder|changeme|change-me|redacted|dummy|your[-_ ]).*|<.*>|\$.*|%.*%|\{.*\}"
    rb"|none|null|true|false|[\[(].*|.*[(\[{].*|(?:self|os|settings|config|args|options|env)\..*|\.{0,2}/.*"
    rb"|https?://.*|arn:.*)$"
)
SETTING = re.compile(r"\$\{\s*oc\.env\s*:\s*([^,}\s]+)")


def findings(content: bytes, name: str = "") -> list[str]:
    """The kinds of secrets in the content of a file of that name; the values themselves are not told."""
    return sorted(_kinds(_readable(content), not CODE.search(name)))


def _readable(content: bytes) -> bytes:
    """The lines that are not let through, in one byte for each letter where they are UTF-16, as of tools of Windows."""
    if content.count(0) * 4 > len(content):
        content = content.replace(b"\0", b"")
    if ALLOWED in content:
        content = b"\n".join(line for line in content.split(b"\n") if ALLOWED not in line)
    return content


def blocks(content: bytes) -> list[str]:
    """The kinds of keys of many lines, of which a change may show a middle line alone."""
    return sorted({rule.kind for rule in KNOWN if rule.block and rule.pattern.search(content)})


def _kinds(content: bytes, bare: bool) -> set[str]:
    lower = content.lower()
    kinds = {rule.kind for rule in (*KNOWN, *GENERAL, *FORMS) if rule.possible(lower) and _found(rule, content)}
    if any(anchor in lower for anchor in ASSIGNED_ANCHORS) and any(
        _assigned(match, bare) for match in ASSIGNMENT.finditer(content)
    ):
        kinds.add(ASSIGNED)
    if any(form in content for secret in secrets() for form in forms(secret)):
        kinds.add(OWN)
    return kinds


def _found(rule: Rule, content: bytes) -> bool:
    return any(_holds(rule, match) for match in rule.pattern.finditer(content))


def _holds(rule: Rule, match: re.Match[bytes]) -> bool:
    if rule is ADDRESS:
        return not is_port(match["secret"]) and not PLACEHOLDER.match(match["secret"])
    secret = match.groupdict().get("secret")
    return secret is None or not PLACEHOLDER.match(secret)


def _assigned(match: re.Match[bytes], bare: bool) -> bool:
    """Whether a value beside such a name looks like a secret: no expression, type, path or word to replace."""
    value = match["quoted"] or match["plain"].rstrip(b")]}:.")
    if PLACEHOLDER.match(value) or b" " in value or value.lower() == match["name"].lower():
        return False
    numerals, letters = re.search(rb"[0-9]", value), re.search(rb"[A-Za-z]", value)
    mixed = bool(numerals and letters) or bool(letters and re.search(rb"[^\w.:/-]", value))
    speaks = re.search(rb"(?i)pass|pwd", match["name"]) is not None
    if match["quoted"]:
        return (mixed or speaks or len(value) >= 16) and entropy(value) >= 2.3
    plain_word = re.fullmatch(rb"[A-Za-z_][\w.]*", value) is not None  # in code, a variable
    if plain_word and bare and speaks:
        return value.lower() not in (b"string", b"required", b"optional", b"prompt")
    if plain_word and (not bare or not numerals):
        return len(value) >= 20 and b"_" not in value and b"." not in value and entropy(value) >= 3.5 and bool(numerals)
    return (mixed or (len(value) >= 16 and bool(numerals))) and entropy(value) >= 2.8


def entropy(value: bytes) -> float:
    """Bits per character of a value's own distribution of characters."""
    counts = [value.count(each) for each in set(value)]
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def named(path: bytes) -> str | None:
    """Why a file is left out for its name, in words."""
    text = words(path)
    if patterns.FILE.search(text):
        return "its name is that of a file with secrets"
    return "its name holds a secret" if _kinds(path, False) else None


def refuse(name: str, value: str) -> None:
    """Refuse a setting or a word of the command line that holds a secret: it would be recorded.

    Raises:
        SettingError: it does; the message does not repeat it.
    """
    raw, _ = encoded(value)
    kinds = {rule.kind for rule in (*KNOWN, *GENERAL) if _found(rule, raw)}
    if any(form in raw for secret in secrets() for form in forms(secret)):
        kinds.add(OWN)
    kinds |= {f"${variable}" for variable in SETTING.findall(value) if patterns.NAME.search(variable)}
    if kinds:
        what = f"{name} holds a secret ({', '.join(sorted(kinds))}), and settings are recorded"
        raise SettingError(what, legal="values without one: credentials stand in the environment")


def refuse_files(files: Mapping[str, bytes]) -> None:
    """Refuse to send files that hold a secret.

    Raises:
        NotReady: one does; the message names file and kind.
    """
    names = {name: encoded(name)[0] for name in files}
    everything = b"\n".join((*names.values(), *map(_readable, files.values())))  # one scan, as good as always clean
    if not (any(map(patterns.FILE.search, names)) or _kinds(everything, True)):
        return
    for name, content in files.items():
        reason = named(names[name])
        kinds = [reason] if reason else findings(content, name)
        if kinds:
            shown = "a file" if _kinds(names[name], False) else name
            why = reason or f"it holds a secret ({', '.join(kinds)})"
            raise NotReady(
                f"{shown} would travel with the run, and {why}",
                legal="secrets stand in the environment; a line without one may end in `# pragma: allowlist secret`",
            )
