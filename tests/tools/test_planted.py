"""Planted secrets are found again in nothing that a training and what follows it leave."""

import re

import pytest

from tools import planted

pytestmark = [pytest.mark.slow, pytest.mark.long]  # each command is a program of its own


def test_of_a_hundred_planted_secrets_of_forty_kinds_none_is_left_anywhere(capsys):
    assert planted.main(here=True) == 0
    printed = capsys.readouterr().out
    count, kinds, found, contents = map(int, re.findall(r"\d+", printed.splitlines()[-1]))
    assert (count >= 100, kinds >= 40, found, contents > 200) == (True, True, 0, True)


def test_a_secret_that_is_left_is_found_whatever_it_is_packed_in(tmp_path):
    import base64
    import gzip
    import io
    import zipfile

    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    field = object.__new__(planted.Field)
    field.plantings, field.said, field.elsewhere = [], {}, {}
    field.project = field.home = field.temporary = tmp_path
    line = field.line("GitLab", "somewhere", "planted.txt")
    secret = field.plantings[0].secret
    (tmp_path / "planted.txt").write_text(line)
    assert field.search(set()) > 0 and field.plantings[0].found == []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.gz", gzip.compress(base64.b64encode(f"x:{secret}".encode())))
    (tmp_path / "a.bin").write_bytes(packed.getvalue())
    (tmp_path / "b.txt").write_bytes(secret.encode("utf-16"))
    (tmp_path / secret).mkdir()
    field.elsewhere["answer"] = f"?key={secret}".encode()
    field.search(set())
    assert {*field.plantings[0].found} == {"a.bin:inner.gz:", "b.txt", secret, "answer"}
