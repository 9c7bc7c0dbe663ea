"""One simulated shop for the whole folder."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.simulate import simulate


@dataclass(frozen=True)
class Shop:
    """A simulated shop on disk."""

    folder: Path
    summary: dict[str, Any]

    def truth(self, name: str) -> pa.Table:
        """A truth table."""
        return pq.read_table(self.folder / "truth" / f"{name}.parquet")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """8,000 customers over 300 days, without defects."""
    folder = tmp_path_factory.mktemp("shop")
    summary = simulate(
        customers=8_000, days=300, seed=7, out=folder, first_day=date(2024, 1, 1), defect_share=0
    )
    return Shop(folder, summary)


@pytest.fixture(scope="session")
def spoilt_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """600 customers over 130 days (the clock is put forward in them), 5 % of rows spoilt."""
    folder = tmp_path_factory.mktemp("spoilt")
    summary = simulate(
        customers=600, days=130, seed=3, out=folder, first_day=date(2024, 1, 1), defect_share=0.05
    )
    return Shop(folder, summary)
