"""Plots of runs whose files anyone may have written."""

import pytest

from harness.contract.errors import DataError
from programs.cifar10.host import plots


def test_predictions_that_are_too_many_are_not_read(tmp_path, monkeypatch):
    assert list(plots.worst(tmp_path, tmp_path)) == []
    monkeypatch.setattr(plots, "LARGEST", 100)
    (tmp_path / "predictions.csv").write_text("image,label,predicted,loss\n" + "0,1,1,0.5\n" * 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        list(plots.worst(tmp_path, tmp_path))
