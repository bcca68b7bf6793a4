"""Planted secrets of many kinds: none in a patch or in a word of a plan, wherever in git's state they stand."""

import base64

import pytest

from harness.contract.serial import dumps
from harness.provenance import credentials, repository, scan
from tests.support.planted import BEGIN, KINDS, of, planted


def test_there_are_more_than_forty_kinds_and_each_value_is_another_one():
    assert len({planted(kind)[1] for kind in KINDS}) == len(KINDS) > 40


@pytest.mark.parametrize("where", ["untracked", "added", "removed", "deleted", "context", "binary", "UTF-16", "staged"])
def test_no_planted_secret_is_in_a_patch_and_the_file_is_named(clone, where):
    """All kinds in one repository, each in a file of its own."""
    lines = {f"src/{number}.txt": planted(kind) for number, kind in enumerate(KINDS)}
    around = "".join(f"line {number}\n" for number in range(3))
    for name, (line, _) in lines.items():
        if where in ("removed", "deleted", "context"):
            clone.write(name, f"{around}{line}\n{around}")
        elif where != "untracked":
            clone.write(name, around)
    clone.write("src/harmless.txt", around)
    clone.commit()
    clone.write("src/harmless.txt", f"{around}more\n")
    for name, (line, _) in lines.items():
        new = f"{around}{line}\n{around}"
        if where == "removed":
            new = around * 2
        elif where == "context":
            new = f"{around}{line}\nchanged\n{around}"
        elif where == "binary":
            clone.write(name, b"\0\1" + new.encode())
            continue
        elif where == "UTF-16":
            clone.write(name, new.encode("utf-16"))
            continue
        if where == "deleted":
            (clone.folder / name).unlink()
        else:
            clone.write(name, new)
    if where == "staged":
        clone.git("add", "-A")
    state = repository.git_state(clone.folder)
    words = dumps(state.git) + repr(state.withheld) + repr(state.unknown)
    left_out = {line.split(" ")[0] for line in state.withheld}
    carried = [kind for name, kind in zip(lines, KINDS, strict=True) if name not in left_out]
    assert carried == []
    for kind in KINDS:
        _, secret = planted(kind)
        assert secret.encode() not in state.patch and secret not in words, kind
    assert b"+more" in state.patch and state.git.dirty is True


def test_a_secret_removed_from_a_tracked_file_says_that_the_commit_and_the_patch_do_not_give_the_file(clone):
    from harness.provenance import rebuild

    line, _ = planted("GitHub classic")
    clone.write("src/kept.py", f"# {line}\n")
    clone.commit()
    clone.write("src/kept.py", "# gone\n")
    state = repository.git_state(clone.folder)
    assert state.withheld == ("src/kept.py (its change holds a secret: GitHub token)",)
    assert state.git.dirty is True
    assert rebuild.verify(clone.folder, state, {"src/kept.py": b"# gone\n"}) == [
        "src/kept.py is another one in the commit and its patch"
    ]


def test_a_changed_line_amid_a_private_key_is_left_out(clone):
    body = [of(str(number), 64) for number in range(30)]
    key = "\n".join([BEGIN + " PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----\n"])
    clone.write("src/kept.py", key)
    clone.commit()
    clone.write("src/kept.py", key.replace(body[15], of("other", 64)))
    state = repository.git_state(clone.folder)
    assert state.patch == b"" and state.withheld[0].startswith("src/kept.py (its change holds a secret")


def test_a_line_far_from_the_change_is_no_reason_and_no_line_of_it_travels(clone):
    line, secret = planted("GitHub classic")
    clone.write("src/kept.py", f"def {line.replace(' ', '_')}():\n" + "    pass\n" * 20)
    clone.commit()
    clone.write("src/kept.py", f"def {line.replace(' ', '_')}():\n" + "    pass\n" * 20 + "    return\n")
    state = repository.git_state(clone.folder)
    assert state.withheld == ()
    assert b"+    return" in state.patch and secret.encode() not in state.patch  # nor in the line after @@


def test_the_values_of_the_environment_are_found_in_each_form(clone, monkeypatch):
    value = of("environment", 30) + "/+="
    monkeypatch.setenv("MY_SERVICE_PASS", value)
    for name, content in {
        "plain": value,
        "base64": base64.b64encode(value.encode()).decode(),
        "address": value.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    }.items():
        clone.write(f"src/{name}", f"some text {content} more text\n")
    state = repository.git_state(clone.folder)
    assert state.patch == b""
    reason = "its change holds a secret: value of your environment or credentials"
    assert state.withheld == tuple(f"src/{name} ({reason})" for name in ("address", "base64", "plain"))


def test_a_key_of_several_lines_in_the_environment_is_found_line_by_line(clone, monkeypatch):
    body = [of(str(number), 60) for number in range(3)]
    monkeypatch.setenv("DEPLOY_KEY", "\n".join(body))
    clone.write("src/new.txt", f"a\n{body[1]}\nb\n")
    assert repository.git_state(clone.folder).patch == b""


def test_neither_branch_nor_remote_nor_a_file_s_name_tells_a_secret(clone, monkeypatch):
    own = of("own", 24)
    monkeypatch.setenv("DEPLOY_TOKEN", own)
    _, github = planted("GitHub classic")
    _, gitlab = planted("GitLab")
    clone.git("checkout", "-q", "-b", f"try-{github}-{own}")
    clone.git("config", "remote.origin.url", f"/srv/{own}/{gitlab}")
    clone.write(f"src/{github}.txt", "x\n")
    clone.write(f"src/{own}/a.txt", "x\n")
    clone.write(f"{gitlab}.md", "x\n")
    (clone.folder / "src" / "link").symlink_to(f"/{gitlab}")
    state = repository.git_state(clone.folder)
    words = dumps(state.git) + repr(state.withheld) + repr(state.unknown) + state.patch.decode()
    assert not [secret for secret in (own, github, gitlab) if secret in words]
    assert state.git.branch == "try-[secret]-[secret]" and state.git.remote == "/srv/[secret]/[secret]"
    assert state.withheld.count("a file (its name holds a secret)") == 3


NAMED_LIKE_SECRETS = (
    ".env", ".env.local", "prod.env", ".envrc", ".netrc", "_netrc", ".git-credentials", ".npmrc", ".yarnrc.yml",
    ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".boto", ".s3cfg", ".dockercfg", ".terraformrc", ".vault-token",
    ".comet.config", "comet.ini", "pip.conf", "kaggle.json", ".kaggle/x", "kubeconfig", "kubeconfig-prod",
    ".kube/config",
    ".docker/config.json", ".aws/config", ".ssh/config", "credentials", "credentials.json", "Credentials.CSV",
    "aws-credentials.yaml", "client_secret_1.json", "service-account-x.json", "my_accessKeys.csv", "secrets.toml",
    "secret.yaml", "passwords.txt", "token", "token.json", "api_keys.txt", "KEY.PEM", "server.key",
    "a.p12", "a.pfx",
    "a.jks", "a.kdbx", "a.ppk", "a.gpg", "a.asc", "a.ovpn", "terraform.tfstate", "prod.tfvars", "id_rsa",
    "id_rsa_work",
    "id_ed25519", "deploy_rsa", "id_ecdsa.bak",
)  # fmt: skip


def test_a_file_that_is_named_like_one_of_secrets_is_left_out_unread(clone):
    for name in NAMED_LIKE_SECRETS:
        clone.write(f"src/{name}", "nothing that looks like one\n")
    state = repository.git_state(clone.folder)
    assert state.patch == b""
    reason = "its name is that of a file with secrets"
    assert state.withheld == tuple(f"src/{name} ({reason})" for name in sorted(NAMED_LIKE_SECRETS))


ONLY_RESEMBLING = (
    "credentials.py", "secrets.py", "token.py", "tokens.txt", "tokenizer.json", "key.py", "keys.json",
    "keyboard.yaml",
    "environment.yaml", "id_map.json", "id_rsa.pub", "passing.py", "monkey.csv", "special_tokens_map.json",
)  # fmt: skip


def test_a_name_that_only_resembles_one_is_carried(clone):
    for name in ONLY_RESEMBLING:
        clone.write(f"src/{name}", "x\n")
    assert repository.git_state(clone.folder).withheld == ()


def test_what_nobody_can_look_into_is_left_out(clone):
    names = [f"src/a.{ending}" for ending in ("7z", "pkl", "sqlite", "tar.gz", "zip")]
    for name in names:
        clone.write(name, b"\x1f\x8b...")
    clone.commit()
    assert repository.git_state(clone.folder).git.dirty is False
    for name in names:
        clone.write(name, b"\x1f\x8b....")
    reason = "nobody can look into it for secrets"
    assert repository.git_state(clone.folder).withheld == tuple(f"{name} ({reason})" for name in names)


def test_the_worker_s_environment_and_redacted_text_hold_none(monkeypatch):
    for number, kind in enumerate(KINDS):
        monkeypatch.setenv(f"SERVICE_{number}_TOKEN", planted(kind)[1])
    text = " ".join(planted(kind)[0] for kind in KINDS)
    assert not [kind for kind in KINDS if len(planted(kind)[1]) >= 12 and planted(kind)[1] in credentials.redact(text)]


def test_what_detect_secrets_finds_is_found_here_too(tmp_path):
    from detect_secrets.core import scan as other
    from detect_secrets.settings import default_settings

    theirs, ours = set(), set()
    with default_settings():
        for number, kind in enumerate(KINDS):
            path = tmp_path / f"{number}.txt"
            path.write_text(f"before\n{planted(kind)[0]}\nafter\n")
            theirs |= {kind for _ in other.scan_file(str(path))}
            ours |= {kind for _ in scan.findings(path.read_bytes(), path.name)}
    assert (len(theirs), len(ours)) == (27, len(KINDS))
