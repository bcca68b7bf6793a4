"""The terminal of a verb: closed, full, or of another encoding."""

import os
import subprocess
import sys

import pytest

from harness import console, interrupt
from harness.contract.errors import SettingError
from tests.support import tiny
from tests.support.verbs import ROOT

SPEAKER = """
import sys
from harness import console
from harness.contract.errors import SettingError
from harness.contract.errors import SettingError
def verb():
    for number in range(5000):
        console.say("a line of text")
    open(sys.argv[1], "w").write("done")
    {then}
sys.exit(console.main(verb))
"""


def speak(tmp_path, shell, then="return 0", **environment):
    code = tmp_path / "speaker.py"
    code.write_text(SPEAKER.format(then=then))
    command = f"'{sys.executable}' '{code}' '{tmp_path / 'done'}' {shell}"
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    return subprocess.run(["bash", "-c", command], env=variables, capture_output=True, text=True, check=False)


def test_a_reader_that_leaves_ends_nothing_and_is_not_mentioned(tmp_path):
    done = speak(tmp_path, "| head -n 1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "done").exists()


def test_a_full_disk_behind_the_output_ends_nothing_and_is_told_once(tmp_path):
    done = speak(tmp_path, "> /dev/full")
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and (tmp_path / "done").exists()
    assert done.stderr.startswith("the standard output cannot be written: No space left on device")


@pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-"])
def test_an_error_is_heard_where_stderr_is_closed(tmp_path, closed):
    done = speak(
        tmp_path,
        f"{closed} | tail -n 1; exit ${{PIPESTATUS[0]}}",
        "sys.stderr.isatty(); raise SettingError('this is wrong')",
    )
    assert (done.returncode, done.stdout) == (2, "error: this is wrong\n")


def test_nothing_at_all_may_be_open(tmp_path):
    assert speak(tmp_path, ">&- 2>&- <&-").returncode == 0 and (tmp_path / "done").exists()


def test_what_a_terminal_would_obey_is_spelled_out(tmp_path):
    assert console.printable("a\tb\n\x1b[2J\u202e\udcff\x9b") == "a\tb\n\\x1b[2J\\u202e\\udcff\\x9b"
    done = speak(tmp_path, "| tail -n 1", "raise SettingError('\x1b]52;c;x\x07\xfc')", PYTHONIOENCODING="ascii")
    assert done.stderr == "error: \\x1b]52;c;x\\x07\\xfc\n"


def test_ctrl_c_before_anything_has_begun_is_one_line(tmp_path):
    done = speak(tmp_path, "> /dev/null", "raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, f"{interrupt.STOPPED}\n")


def test_ctrl_c_while_a_verb_is_imported_is_one_line(tmp_path):
    root = tiny.copy_source(tmp_path / "project")
    verb = "import os, signal\nfrom harness import console\nos.kill(os.getpid(), signal.SIGINT)\n"
    (root / "src" / "early.py").write_text(verb)
    done = subprocess.run([sys.executable, "src/early.py"], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, f"{interrupt.STOPPED}\n")


def test_an_error_is_told_without_a_secret(monkeypatch, capsys):
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")

    def verb():
        raise SettingError("data.url=https://me:hush-hush@example.org/planted+token/value is not there")

    assert console._run(verb) == 2
    assert capsys.readouterr().err == "error: data.url=https://me:[secret]@example.org/[secret] is not there\n"
