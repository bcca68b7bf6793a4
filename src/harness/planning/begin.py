"""Write the files of a new program from the templates beside this module."""

import re
from pathlib import Path

from harness.contract import atomic
from harness.contract.errors import NotReady, SettingError

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("steps", "command")
WORD = "newprogram"  # stands for the name in the templates
PLACES = {  # of a template's files, below the project
    "program.yaml": f"conf/program/{WORD}.yaml",
    "quick.yaml": f"conf/scale_of/{WORD}/quick.yaml",
    "full.yaml": f"conf/scale_of/{WORD}/full.yaml",
    "test.txt": f"tests/programs/test_{WORD}.py",
}


def write(root: Path, name: str, kind: str) -> list[Path]:
    """The files of a program of that kind, in the project at `root`.

    Raises:
        SettingError: one of them is there already.
        NotReady: one cannot be written.
    """
    contents = {}
    for template in sorted([*TEMPLATES.glob("*.*"), *(TEMPLATES / kind).iterdir()]):
        place = PLACES.get(template.name, f"src/programs/{WORD}/{template.stem}")
        contents[root / place.replace(WORD, name)] = template.read_text().replace(WORD, name)
    for path in contents:
        folder = root / "src" / "programs" / name
        if path.exists() or folder.exists():
            there = path if path.exists() else folder
            raise SettingError(
                f"{there.relative_to(root)} is there already", legal="another name", command="ls src/programs"
            )
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, content)
    except OSError as error:
        raise NotReady(f"{path} cannot be written: {error.strerror}", command="df -h .") from error
    return list(contents)


def nearest(name: str) -> str:
    """A legal name like a wrong one."""
    return re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_0123456789") or "mine"
