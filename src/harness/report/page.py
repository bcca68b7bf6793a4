"""The report as one HTML file: data, charts and their library inside, nothing fetched."""

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract.errors import NotReady
from harness.runs import output

WEB = Path(__file__).parent / "web"
REGISTERED = re.compile(r"(\.register\(\[\w+\(\)),[^\]]*\]\)")
PACKED = 1_000_000  # characters of data from which on the page is compressed: a tenth of it is left
PLACE = re.compile(r"\{\{([A-Z]+)\}\}")
SCRIPTS = (  # in the order in which they load
    "filter.js",
    "view.js",
    "units.js",
    "charts.js",
    "table.js",
    "noise.js",
    "diff.js",
    "compared.js",
    "own.js",
    "save.js",
    "main.js",
)


def assemble(table: dict[str, Any], live: bool, now: datetime | None = None) -> str:
    """Build the whole page. A live one asks its server for news; any other may reach nothing, as its policy says."""
    from plotly.offline import get_plotlyjs

    created = f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    data = embedded(
        {name: each for name, each in table.items() if name != "details"} | {"live": live, "created": created}
    )
    details = embedded(table["details"]) if "details" in table else ""
    scripts = {"PLOTLY": starting(get_plotlyjs()), "SCRIPT": "\n".join(_text(name) for name in SCRIPTS)}
    packed = len(data) + len(details) > PACKED
    inside = _packed if packed else lambda text: text
    parts = {
        "CONNECT": "'self'" if live else "'none'",
        "STYLE": _text("style.css"),
        "KIND": "text/plain" if packed else "text/javascript",
        "DATA": inside(data),
        "DETAILS": inside(details),
        "UNPACK": _text("unpack.js"),
        "START": _text("start.js") if packed else "",
    }
    parts |= {name: inside(text).replace("</script", "<\\/script") for name, text in scripts.items()}
    # In one pass: what is put in is not looked through again, whatever a run's texts say.
    return PLACE.sub(lambda match: parts[match[1]], _text("page.html"))


def starting(plotly: str) -> str:
    """Plotly with the one kind of chart that the page draws beside lines and points: it starts in half the time.

    Its last lines run the modules of all fifty kinds, bars first; what is not registered is never run.
    """
    return REGISTERED.sub(r"\1])", plotly)


def _packed(text: str) -> str:
    """As the page's unpack.js reads it."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


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
