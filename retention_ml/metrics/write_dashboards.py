"""Writes the dashboards to docker/grafana/dashboards: `python -m retention_ml.metrics.write_dashboards`."""

import json
from pathlib import Path

from retention_ml.metrics.dashboards import dashboards
from retention_ml.settings import PROJECT

FOLDER = PROJECT / "docker" / "grafana" / "dashboards"


def texts() -> dict[str, str]:
    """Each file as it is to be, by its name."""
    return {
        f"{name}.json": json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        for name, dashboard in dashboards().items()
    }


def write(folder: Path = FOLDER) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
