"""Ctrl-C while a verb is imported, at any moment of it."""

import json
import os
import subprocess
import sys

import pytest

from harness import interrupt
from tests.support.verbs import NAMES, ROOT

# Runs a verb; at imports it forks, and the copy is interrupted there. The copies' ends are printed: exit code, stderr.
INTERRUPTED = """
import json, os, signal, sys
verb, every, *words = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)
PARENT, ends, seen = os.getpid(), [], 0
class Finder:
    def find_spec(self, name, path=None, target=None):
        global seen
        if os.getpid() != PARENT or name in ("harness", "harness.interrupt"):
            return None
        seen += 1
        if seen % int(every) and not name.startswith(("harness", "programs")):
            return None
        heard, said = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(said, 2)
            os.kill(os.getpid(), signal.SIGINT)
            return None
        os.close(said)
        with open(heard, "rb") as stream:
            words = stream.read().decode()
        ends.append([name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words])
path = f"src/{verb}.py"
sys.argv, sys.modules["__main__"].__file__ = [path, *words], path
sys.path.insert(0, "src")
with open(path) as file:
    verb = compile(file.read(), path, "exec")
code = None
sys.meta_path.insert(0, Finder())
try:
    exec(verb, {"__name__": "__main__", "__doc__": "", "__file__": path})
except SystemExit as end:
    code = end.code
if os.getpid() != PARENT:
    sys.stderr.flush()
    os._exit(code)
print()
print(json.dumps(ends))
"""


def interrupted(verb, every, *words):
    command = [sys.executable, "-c", INTERRUPTED, verb, str(every), *words]
    variables = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("verb", ["train", "report", "fetch"])
def test_ctrl_c_at_any_import_of_a_verb_is_one_line(verb):
    ends = interrupted(verb, 1, "nonsense=1")
    assert len(ends) > 20
    assert {(code, words) for _, code, words in ends} == {(130, f"{interrupt.STOPPED}\n")}, ends


def test_ctrl_c_while_settings_are_composed_is_one_line():
    ends = interrupted("sync", 25, "runs_folder=/proc/none")
    assert any(name.startswith("hydra") for name, _, _ in ends)
    assert {(code, words) for _, code, words in ends} == {(130, f"{interrupt.STOPPED}\n")}, ends


def test_every_verb_takes_ctrl_c_first():
    for name in NAMES:
        text = (ROOT / "src" / f"{name}.py").read_text()
        _, _, code = text.split('"""', 2)
        assert code.lstrip().startswith("from harness import interrupt "), name


def test_ctrl_c_that_is_ignored_stays_so_and_later_it_raises(tmp_path):
    code = "import signal\nfrom harness import interrupt\n{}\nprint(signal.getsignal(signal.SIGINT))\n"
    for before, after, expected in (
        ("", "", "at_once"),
        ("", "interrupt.give_back()", "default_int_handler"),
        ("trap '' INT;", "", "1"),
        ("trap '' INT;", "interrupt.give_back()", "1"),
    ):
        (tmp_path / "src" / "harness").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "harness" / "__init__.py").touch()
        source = (ROOT / "src" / "harness" / "interrupt.py").read_text()
        (tmp_path / "src" / "harness" / "interrupt.py").write_text(source)
        (tmp_path / "src" / "verb.py").write_text(code.format(after))
        command = ["bash", "-c", f"{before} exec '{sys.executable}' src/verb.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert expected in done.stdout
