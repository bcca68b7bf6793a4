"""The notebook of docs/ does what it says, from the first cell to the last."""

from pathlib import Path

import nbclient
import nbformat
import pytest

from harness.settings.project import ROOT
from tests.support.projects import PLANTED, make_project

pytestmark = pytest.mark.usefixtures("comet_aside")

TOUR = ROOT / "docs" / "tour.ipynb"


def test_its_outputs_are_cleared() -> None:
    cells = [cell for cell in nbformat.read(TOUR, as_version=4).cells if cell.cell_type == "code"]
    assert cells and not [cell for cell in cells if cell.outputs or cell.execution_count is not None]


@pytest.mark.long
@pytest.mark.slow
def test_it_trains_sorts_draws_leaves_out_replays_and_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    for name, value in {**PLANTED, "JUPYTER_PLATFORM_DIRS": "1", "IPYTHONDIR": str(tmp_path / "ipython")}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(TOUR, as_version=4)
    resources = {"metadata": {"path": str(project / "docs")}}
    nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = "".join(str(each.get("text") or each.get("data", {}).get("text/plain", "")) for each in outputs)
    assert "\nidentical\nweights: " in texts
    drawn = [each for each in outputs if "image/png" in each.get("data", {})]
    assert len(drawn) == 4  # lines, lines without the outlier, bars, parallel coordinates
    (table,) = [each.data["text/html"] for each in outputs if "<th>test_accuracy</th>" in str(each.get("data"))][:1]
    assert table.count("<tr>") == 8 and "<td>1e+04</td>" in table
    assert (project / "runs/tour/best.zip").exists() and (project / "runs/tour/report.html").exists()
