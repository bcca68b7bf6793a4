"""Credentials of this account: known by their values, and cut out of text, addresses and environments."""

import os

import pytest

from harness.provenance import credentials

VALUE = "planted-aws-secret-value"


@pytest.fixture(autouse=True)
def home(plain_git, monkeypatch):
    for name in [name for name in os.environ if credentials.SECRET_NAME.search(name)]:
        monkeypatch.delenv(name)
    return plain_git / "home"


def test_redacted_text_has_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", VALUE)
    assert credentials.redact(f"a {VALUE} b") == "a [secret] b"


def test_of_two_secrets_one_in_the_other_nothing_is_left(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "short-secret-")
    monkeypatch.setenv("B_TOKEN", "short-secret-and-its-longer-rest")
    assert credentials.redact("x short-secret-and-its-longer-rest y") == "x [secret] y"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://me:hush-hush@example.org/x", "https://me:[secret]@example.org/x"),
        ("https://example.org:8080/a/b@c", "https://example.org:8080/a/b@c"),
        ("https://example.org/x?token=0123456789abcdef&y=1", "https://example.org/x?token=[secret]&y=1"),
        ("data.url=" + "ghp_" + "a1" * 18, "data.url=[secret]"),
        ("mode.comet_secret=harness/comet-2024", "mode.comet_secret=harness/comet-2024"),
        ("half \ud800 of \udcff one", "half \ud800 of \udcff one"),
        ("no \udcff such \x00 text", "no \udcff such \x00 text"),
    ],
)
def test_redacted_text_has_no_token_and_no_password_of_an_address(text, redacted):
    assert credentials.redact(text) == redacted


@pytest.mark.parametrize(
    "name",
    [
        "MY_TOKEN",
        "COMET_API_KEY",
        "db_password",
        "SSHPASS",
        "MYSQL_PWD",
        "GH_PAT",
        "SENTRY_DSN",
        "NPM_AUTH",
        "A_COOKIE",
    ],
)
def test_a_variable_whose_name_speaks_of_a_secret_is_one_and_never_reaches_a_worker(monkeypatch, name):
    monkeypatch.setenv(name, VALUE)
    assert VALUE.encode() in credentials.secrets()
    assert name not in credentials.without_secrets({name: VALUE})


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
def test_no_variable_of_aws_reaches_a_worker(name):
    assert credentials.without_secrets({name: "x", "HOME": "/"}) == {"HOME": "/"}


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "PATH", "HTTP_PROXY", "SSH_AUTH_SOCK", "XAUTHORITY", "DOCKER_HOST", "COMPASS", "BYPASS", "HOME"],
)
def test_a_variable_that_only_resembles_one_reaches_the_worker(monkeypatch, name):
    assert credentials.without_secrets({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("TOKEN_FILE", "/var/run/secrets/token", False),
        ("MY_KEY", "short", False),
        ("MY_KEY", os.fspath(os.path.dirname(__file__)), False),  # noqa: PTH120
        ("AWS_SECRET_ACCESS_KEY", "/begins+with/a+slash/as+one/in+64+do", True),
        ("HTTP_PROXY", "http://me:proxy-password@proxy:3128", True),
        ("HTTP_PROXY", "http://proxy:3128", False),
    ],
)
def test_a_path_is_no_secret_and_a_key_that_begins_like_one_is(monkeypatch, name, value, secret):
    monkeypatch.setenv(name, value)
    assert bool(credentials.secrets()) is secret


def test_a_secret_that_is_no_utf8_ends_nothing_with_a_traceback(monkeypatch):
    monkeypatch.setitem(os.environb, b"MY_TOKEN", b"not utf8 \xff\xfe but long")
    assert credentials.secrets() == (b"not utf8 \xff\xfe but long",)
    assert credentials.redact("plain") == "plain"
    assert credentials.redact("a not utf8 \udcff\udcfe but long b") == "a [secret] b"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".aws/credentials", f"[default]\naws_access_key_id = A\naws_secret_access_key = {VALUE}\n"),
        (".netrc", f"machine example.org\n  login me\n  password {VALUE}\n"),
        (".comet.config", f"[comet]\napi_key = {VALUE}\n"),
        (".git-credentials", f"https://me:{VALUE}@example.org\n"),
        (".config/git/credentials", f"https://me:{VALUE}@example.org\n"),
        (".pypirc", f"[pypi]\nusername = __token__\npassword = {VALUE}\n"),
        (".npmrc", f"//registry.example.org/:_authToken={VALUE}\n"),
        (".pgpass", f"db:5432:main:me:{VALUE}\n"),
        (".cache/huggingface/token", VALUE),
        (".kaggle/kaggle.json", f'{{"username":"me","key":"{VALUE}"}}'),
        (".docker/config.json", f'{{"auths": {{"x": {{"auth": "{VALUE}"}}}}}}'),
        (".config/gh/hosts.yml", f"github.com:\n    oauth_token: {VALUE}\n"),
    ],
)
def test_the_values_in_this_account_s_own_files_are_known(home, name, content):
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(content)
    credentials._of_files.cache_clear()
    credentials._known.cache_clear()
    assert credentials.redact(f"a {VALUE} b") == "a [secret] b"


@pytest.mark.parametrize("odd", ["folder", "link to itself", "large", "pipe", "no home"])
def test_an_odd_file_of_credentials_is_passed_over(home, monkeypatch, odd):
    path = home / ".netrc"
    if odd == "folder":
        path.mkdir()
    elif odd == "link to itself":
        path.symlink_to(path)
    elif odd == "large":
        path.write_text("password " + "x" * credentials.LARGEST_FILE)
    elif odd == "pipe":
        os.mkfifo(path)
    else:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(credentials.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    credentials._of_files.cache_clear()
    credentials._known.cache_clear()
    assert credentials.secrets() == ()


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b.git"),
        ("https://me:SECRET@example.org/a.git", "https://example.org/a.git"),
        ("https://SECRET@example.org/a.git", "https://example.org/a.git"),
        ("https://SECRET@example.org/a@b.git", "https://example.org/a@b.git"),
        ("https://me:SEC/RET@example.org/a.git", "https://example.org/a.git"),
        ("https://me:SEC#RET@example.org/a.git", "https://example.org/a.git"),
        ("https://me:SEC?RET@example.org/a.git", "https://example.org/a.git"),
        ("https://me:SEC@RET@example.org/a.git", "https://example.org/a.git"),
        ("https://me:SEC@RET/SECRET@example.org/a.git", "https://example.org/a.git"),
        ("https:/me:SECRET@example.org/a.git", "https:/example.org/a.git"),
        ("https:///me:SECRET@example.org/a.git", "https:///example.org/a.git"),
        ("https://example.org/a.git?access_token=SECRET#SECRET", "https://example.org/a.git"),
        ("gcrypt::https://me:SECRET@example.org/a.git", "gcrypt::https://example.org/a.git"),
        ("gcrypt::rsync://me:SECRET@example.org/a", "gcrypt::rsync://example.org/a"),
        ("a::b::https://me:SECRET@example.org/a", "a::b::https://example.org/a"),
        ("gcrypt::me:SECRET@example.org:a", "gcrypt::example.org:a"),
        ("ext::sh -c SECRET% example.org", "ext::"),
        ("s3://KEY:SECRET@bucket/a", "s3://bucket/a"),
        ("ssh://git:SECRET@example.org:2222/a", "ssh://example.org:2222/a"),
        ("ssh://example.org:2222/a@b", "ssh://example.org:2222/a@b"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("me:SECRET@example.org:a/b.git", "example.org:a/b.git"),
        ("SECRETSECRETSECRETSECRET@example.org:a/b.git", "example.org:a/b.git"),
        ("https://[::1", "https://[::1"),
        ("https://[::1]:8080/a@b", "https://[::1]:8080/a@b"),
        ("https://me:SECRET@[::1]/a", "https://[::1]/a"),
        ("https://example.org:99999/a", "https://example.org:99999/a"),
        ("/srv/git/a@b.git", "/srv/git/a@b.git"),
        ("../a@b", "../a@b"),
        ("C:\\a\\b", "C:\\a\\b"),
        ("https://example.org/\x1b[2Ja", "https://example.org/[2Ja"),
        ("", ""),
        (f"/srv/{VALUE}/a", "/srv/[secret]/a"),
    ],
)
def test_a_remote_s_address_keeps_no_credentials_in_any_form(monkeypatch, address, without):
    monkeypatch.setenv("MY_TOKEN", VALUE)
    assert credentials.without_credentials(address) == without
