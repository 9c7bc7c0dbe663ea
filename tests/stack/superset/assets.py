"""The files that Superset imports, as tests read them."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from retention_ml.stack.superset import server

ASSETS = server.FOLDER / "assets"

Document = dict[str, Any]


@cache
def documents(folder: str) -> dict[str, Document]:
    """The files below a folder of the assets by their name without the ending."""
    contents = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((ASSETS / folder).rglob("*.yaml"))
    }
    assert contents, f"{ASSETS / folder} holds no file; this test looks in the wrong place."
    return contents


def by_uuid(folder: str) -> dict[str, Document]:
    """The same by uuid, by which the files name each other."""
    return {document["uuid"]: document for document in documents(folder).values()}


def files() -> list[Path]:
    """Every file of the assets."""
    return sorted(ASSETS.rglob("*.yaml"))


def placed(dashboard: Document) -> list[str]:
    """The uuids of the charts that a dashboard places, as often as it does."""
    return [
        part["meta"]["uuid"]
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    ]
