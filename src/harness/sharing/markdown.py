"""What was found, as Markdown for a comment on GitHub or GitLab. Whatever a run says of itself stays text."""

import re
from collections.abc import Iterable, Mapping, Sequence

from harness.contract import legal
from harness.evidence.decision import Decision
from harness.evidence.significance import Claim

ACTS = re.compile(
    r"^>|[\\`*{}\[\]<|#~$@&!]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\."
)  # what Markdown, HTML, or a name after @ would be made of
HEAD = ("test set", "old", "new", "difference, 95 % confidence", "p", "so it is")
POINTS = 30  # of a curve
PALETTE = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#8c959f, #0969da"}}}}%%'


def text(value: object) -> str:
    """Words that no renderer takes for anything else."""
    return ACTS.sub(lambda found: f"&#{ord(found[0])};", legal.spelled(" ".join(str(value).split())))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table."""
    lines = [head, ["---"] * len(head), *([text(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def decision(decided: Decision) -> str:
    """A decision with all that it rests on."""
    return "\n".join(
        [
            f"**{text(decided.word)}**: {text(decided.why)}",
            "",
            f"Old: {text(decided.old)}, new: {text(decided.new)}. The test set of the new data decides.",
            "",
            *claims(decided),
            "",
        ]
    )


def claims(decided: Decision) -> list[str]:
    """A table of the claims about each test set and class, and what the words rest on."""
    rows, notes = [], []
    for title, judged in decided.sets.items():
        for name, claim in {"": judged.whole, **judged.classes}.items():
            part = f"{title}, {name}" if name else title
            rows.append((f"{part} ({claim.examples})", *_cells(claim)))
            if not name:
                notes.append(f"{part}: {claim.why}{_needed(claim)}")
    return [*table(HEAD, rows), "", *(f"- {text(note)}" for note in notes)]


def _cells(claim: Claim) -> tuple[str, ...]:
    change = f"{claim.new - claim.old:+.4f} ({claim.low:+.4f} to {claim.high:+.4f})"
    return f"{claim.old:.4f}", f"{claim.new:.4f}", change, f"{claim.p:.2g} ({claim.test})", claim.word


def _needed(claim: Claim) -> str:
    return "" if claim.settled or claim.needed is None else f"; {claim.needed} seeds of each would tell it"


def curves(name: str, old: Mapping[int, float], new: Mapping[int, float]) -> list[str]:
    """A chart, drawn where the comment is shown, of a metric by epoch: the old run's in grey, the new one's in blue."""
    last = max([*old, *new], default=0)
    epochs = sorted({round(1 + at * (last - 1) / max(min(last, POINTS) - 1, 1)) for at in range(min(last, POINTS))})
    if not new or not epochs:
        return []
    lines = [
        f"  line [{', '.join(f'{values[each]:.6g}' for each in epochs if each in values)}]"
        for values in (old, new)
        if any(each in values for each in epochs)
    ]
    axis = ", ".join(map(str, epochs))
    word = re.sub(r"\W", " ", name)
    return ["```mermaid", PALETTE, "xychart-beta", f'  title "{word} by epoch"', f"  x-axis [{axis}]", *lines, "```"]
