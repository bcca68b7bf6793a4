"""Find secrets in what is about to leave: contents, names, settings and words of a command line.

Rules of our own, not detect-secrets, which knows a third of these kinds and takes twenty times as long. A line with
`pragma: allowlist secret` is let through, as there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.contract.errors import NotReady, SettingError
from harness.provenance import assigned, patterns
from harness.provenance.command import encoded, words
from harness.provenance.credentials import held, is_port
from harness.provenance.patterns import ADDRESS, FORMS, GENERAL, KNOWN
from harness.provenance.rule import Rule

ALLOWED = b"pragma: allowlist secret"
OWN = "value of your environment or credentials"
ASSIGNED = "password or key"
NAME_HOLDS = "its name holds a secret"
# Where `password = name` is an expression or prose; elsewhere a bare word is the password itself.
CODE = re.compile(r"\.(pyx?|pyi|ipynb|[jt]sx?|[ch](pp|xx)?|cu|go|rs|java|rb|sql|md|rst|tex|html?|css)$", re.IGNORECASE)
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


def tokens(content: bytes) -> list[str]:
    """The kinds of secrets that are known by their form or value alone: for what is neither code nor configuration.

    In bytes that are no text, what looks like an address with a password is mostly chance.
    """
    rules = KNOWN if b"\0" in content else (*KNOWN, *GENERAL)
    lower = content.lower()
    kinds = {rule.kind for rule in rules if _found(rule, content, lower)}
    return sorted(kinds | ({OWN} if held(content) else set()))


def blocks(content: bytes) -> list[str]:
    """The kinds of keys of many lines, of which a change may show a middle line alone."""
    return sorted({rule.kind for rule in KNOWN if rule.block and rule.pattern.search(content)})


def _kinds(content: bytes, bare: bool) -> set[str]:
    lower = content.lower()
    kinds = {rule.kind for rule in (*KNOWN, *GENERAL, *FORMS) if _found(rule, content, lower)}
    if any(assigned.found(content, lower, bare)):
        kinds.add(ASSIGNED)
    if held(content):
        kinds.add(OWN)
    return kinds


def _found(rule: Rule, content: bytes, lower: bytes) -> bool:
    return any(_holds(rule, match) for match in rule.matches(content, lower))


def _holds(rule: Rule, match: re.Match[bytes]) -> bool:
    if rule is ADDRESS:
        return not is_port(match["secret"]) and not assigned.PLACEHOLDER.match(match["secret"])
    secret = match.groupdict().get("secret")
    return secret is None or not assigned.PLACEHOLDER.match(secret)


def named(path: bytes) -> str | None:
    """Why a file is left out for its name, in words."""
    return named_all([path]).get(path)


def named_all(paths: Sequence[bytes]) -> dict[bytes, str]:
    """Which files are left out for their names, and why; thousands take no longer than they must."""
    known = {path: "its name is that of a file with secrets" for path in paths if patterns.FILE.search(words(path))}
    return known | dict.fromkeys(_with_secrets(paths), NAME_HOLDS)


def _with_secrets(paths: Sequence[bytes]) -> Iterator[bytes]:
    """The names that hold a secret: most often none, which one look at all of them shows."""
    if not paths or not _kinds(b"\n\n".join(paths), False):
        return
    if len(paths) == 1:
        yield paths[0]
    else:
        middle = len(paths) // 2
        yield from _with_secrets(paths[:middle])
        yield from _with_secrets(paths[middle:])


def refuse(name: str, value: str) -> None:
    """Refuse a setting or a word of the command line that holds a secret: it would be recorded.

    Raises:
        SettingError: it does; the message does not repeat it.
    """
    raw, _ = encoded(value)
    kinds = {*tokens(raw)} | {f"${variable}" for variable in SETTING.findall(value) if patterns.NAME.search(variable)}
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
