"""What is refused before it is recorded or sent, and what is no secret."""

import subprocess
from pathlib import Path

import pytest

from harness.contract.errors import NotReady, SettingError
from harness.provenance import scan

ROOT = Path(__file__).parents[2]
TOKEN = "ghp_" + "a1" * 18
ADDRESS = "https://me:" + "hush-hush@example.org/x"


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"prefix-{TOKEN}",
        ADDRESS,
        "s3://x?token=" + "0123456789",
        "${oc.env:GITHUB_TOKEN}",
        "${ oc.env : MY_KEY , x}",
    ],
)
def test_a_setting_that_holds_a_secret_is_refused_and_not_repeated(value):
    with pytest.raises(SettingError) as raised:
        scan.refuse("data.url", value)
    assert "data.url" in str(raised.value)
    assert value not in str(raised.value) and "hush" not in str(raised.value)


def test_a_value_of_the_environment_is_refused_wherever_it_stands(monkeypatch):
    monkeypatch.setenv("MY_PASSWORD", "short-but-twelve")
    with pytest.raises(SettingError):
        scan.refuse("sweep", "x-short-but-twelve-y")


@pytest.mark.parametrize(
    "value",
    [
        "harness/comet",
        "${oc.env:HOME}",
        "https://example.org:8080/a@b",
        "a=b",
        "0.1",
        "\udcff",
        "\ud800",
        "ml.g4dn.xlarge",
        "",
    ],
)
def test_other_settings_pass(value):
    scan.refuse("name", value)


def test_a_bundle_with_a_secret_is_refused_by_the_file_s_name_and_the_kind():
    scan.refuse_files({"harness/a.py": b"token = read()\n", "requirements-train.lock": b"--hash=sha256:" + b"a1" * 32})
    with pytest.raises(NotReady, match=r"programs/x/a.py would travel .*\(GitHub token\)"):
        scan.refuse_files({"harness/a.py": b"x", "programs/x/a.py": f"x = '{TOKEN}'".encode()})
    with pytest.raises(NotReady, match=r"programs/x/.env would travel .* name"):
        scan.refuse_files({"programs/x/.env": b"x"})
    with pytest.raises(NotReady, match="a file would travel") as raised:
        scan.refuse_files({f"programs/{TOKEN}.py": b"x"})
    assert TOKEN not in str(raised.value)
    with pytest.raises(NotReady, match=r"b\.bin"):
        scan.refuse_files({"a.py": b"x" * 1000, "b.bin": TOKEN.encode("utf-16")})


def test_a_line_that_says_so_is_let_through():
    line = f"token = '{TOKEN}'"
    assert scan.findings(line.encode()) == ["GitHub token"]
    assert scan.findings(f"{line}  # pragma: allowlist secret\n".encode()) == []
    assert scan.findings(f"x  # pragma: allowlist secret\n{line}".encode()) == ["GitHub token"]


@pytest.mark.parametrize(
    "line",
    [
        "password: str = ''", "token = parts[2]", "secret = load_secret(name)", "api_key: Optional[str] = None",
        "password = os.environ['DB_PASSWORD']", "passwords = [each for each in x]", "token: ${GITHUB_TOKEN}",
        "password: <your password>", 'password = "changeme"', "secret_name = harness/comet", "keys = sorted(found)",
        "tokenizer = 'bert-base-uncased'", "max_tokens=4096", "token_count: 128000", "--hash=sha256:" + "ab12" * 16,
        "url = https://example.org:8080/a/b@c", "url = http://localhost:8888/x?key=value", "if token == 'end': pass",

        "commit 0123456789abcdef0123456789abcdef01234567",
        "md5: 15fc275e5cae3db098ab0f217a684a1f.dir", "passes = 12345678",
        'help={"password": "The password to use"}', "PASSED tests/test_a.py::test_b", "compass: north-1",
        "monkey = 'abcdef123456'", "sort_key = by_name_and_time",
        "author: me@example.org", "class Secret(Base): ...",
    ],
)  # fmt: skip
def test_what_only_speaks_of_a_secret_is_none(line):
    assert scan.findings(f"before\n{line}\nafter\n".encode(), "a.py") == []


# Tests that plant secrets of their own, in so many words.
PLANTING = {
    "tests/provenance/",
    "tests/test_console.py",
    "tests/cloud/",
    "tests/data/",
    "tests/report/test_use.py",
    "tests/support/",
    "tests/test_workflows.py",
    "src/harness/provenance/patterns.py",
}


def test_no_file_of_this_project_is_taken_for_one_with_secrets():
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
    names = [name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]
    assert len(names) > 200
    texts = [name for name in names if not name.endswith(".png")]
    found = {name for name in texts if scan.findings((ROOT / name).read_bytes(), name) or scan.named(name.encode())}
    assert {name for name in found if not name.startswith(tuple(PLANTING))} == set()


@pytest.mark.parametrize(
    "content", [b"a" * 10**6, b"pass" * 250_000, b"://a:" * 200_000, b"key=" * 250_000, b"\0" * 10**6]
)
def test_no_content_takes_long(content):
    import time

    begin = time.process_time()
    scan.findings(content)
    assert time.process_time() - begin < 10
