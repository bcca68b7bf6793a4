"""The picture of a terminal that the README shows: what docs/example/terminal.txt holds, shortened. `make figures`."""

import io
import re
import textwrap
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
SEEN, PICTURE = ROOT / "docs" / "example" / "terminal.txt", ROOT / "docs" / "images" / "terminal.svg"
WIDTH = 112  # columns
STEPS = (1, 3, 4, 5)  # train, replay, replay otherwise, compare
TELLING = re.compile(r"(\$|accuracy|loss|verdict|  learning_rate) | {10}\S")
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # names an address, which a picture may not fetch


def shortened(text: str) -> list[str]:
    """Of some steps why, the command, and the lines that tell what came of it; what is left out is one `⋮`."""
    lines: list[str] = []
    steps = re.split(r"(?m)^(?=\d\. )", text)
    for number in STEPS:
        why, *said = steps[number].splitlines()
        lines += [why]
        for line in said:
            if TELLING.match(line):
                lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * 10)
            elif line and lines[-1] != "  ⋮":
                lines.append("  ⋮")
        lines = [*(lines[:-1] if lines[-1] == "  ⋮" else lines), ""]
    return lines[:-1]


def drawn(text: str) -> str:
    """The lines as SVG, in the colours of a terminal: equal texts give equal bytes."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in shortened(text):
        style = "bold" if re.match(r"\d\. ", line) else "cyan" if line.startswith("$ ") else ""
        shown = Text(line, style=style)
        shown.highlight_words(["IDENTICAL"], "bold green")
        shown.highlight_words(["DIFFERENT"], "bold red")
        console.print(shown, soft_wrap=True)
    return FONT.sub("", console.export_svg(title="make demo", unique_id="terminal"))


def renew() -> None:
    """Draw the picture again."""
    PICTURE.write_text(drawn(SEEN.read_text()))
