"""The report as one HTML file: data, charts and their library inside, nothing fetched."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract.errors import NotReady
from harness.runs import output

WEB = Path(__file__).parent / "web"
REGISTERED = re.compile(r"(\.register\(\[\w+\(\)),[^\]]*\]\)")
PLACE = re.compile(r"\{\{([A-Z]+)\}\}")
SCRIPTS = (
    "filter.js",
    "view.js",
    "units.js",
    "charts.js",
    "table.js",
    "noise.js",
    "main.js",
)  # in the order in which they load


def assemble(table: dict[str, Any], live: bool, now: datetime | None = None) -> str:
    """Build the whole page. A live one asks its server for news; any other may reach nothing, as its policy says."""
    from plotly.offline import get_plotlyjs

    created = f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    parts = {
        "CONNECT": "'self'" if live else "'none'",
        "STYLE": _text("style.css"),
        "DATA": embedded({**table, "live": live, "created": created}),
        "PLOTLY": starting(get_plotlyjs()).replace("</script", "<\\/script"),
        "SCRIPT": "\n".join(_text(name) for name in SCRIPTS),
    }
    # In one pass: what is put in is not looked through again, whatever a run's texts say.
    return PLACE.sub(lambda match: parts[match[1]], _text("page.html"))


def starting(plotly: str) -> str:
    """Plotly with the one kind of chart that the page draws beside lines and points: it starts in half the time.

    Its last lines run the modules of all fifty kinds, bars first; what is not registered is never run.
    """
    return REGISTERED.sub(r"\1])", plotly)


def embedded(value: Any) -> str:
    """JSON that may stand in a <script>: nothing that a run says can end it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write(target: Path, html: str) -> None:
    """Put the page under its name, whole.

    Raises:
        NotReady: it cannot be written.
    """
    try:
        output.write(target, html)
    except OSError as error:
        raise NotReady(
            f"{target} cannot be written: {error.strerror}", command="python src/report.py output=PATH.html"
        ) from error


def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
