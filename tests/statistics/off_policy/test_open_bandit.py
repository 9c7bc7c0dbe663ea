"""Real logs of two policies, each valued on the other's."""

import os
from pathlib import Path

import pytest

from benchmarks import open_bandit

_FOLDER = Path(os.environ.get("RETENTION_DATA_DIR", "")) / "open_bandit_small"


@pytest.mark.skipif(
    "RETENTION_DATA_DIR" not in os.environ or not _FOLDER.is_dir(),
    reason="RETENTION_DATA_DIR/open_bandit_small is not there",
)
def test_errors_on_real_logs_are_in_the_published_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Saito et al. (2021), random to BTS: the direct method .157, DR .292, IPS .311, SNIPS .312.
    monkeypatch.setattr(open_bandit, "PRIOR_DRAWS", 20_000)
    result = open_bandit.errors(_FOLDER, "random to bts", draws=5)
    assert result.errors["DM"] <= result.errors["DR"] <= result.errors["IPS"]
    assert result.errors["DR"] <= result.errors["SNIPS"]
    assert result.effective_count > 2000
    assert result.weight_max < 34
    assert result.balance_p > 0.01
