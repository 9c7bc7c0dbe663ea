"""Panels of a Grafana dashboard as plain JSON, by their kind.

References
----------
Grafana, Dashboard JSON model, schema version 39.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Look = Literal["stat", "timeseries", "bargauge"]
DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 39
_COLUMNS = 24  # of Grafana's grid
_GREEN, _ORANGE = "green", "orange"  # as on the pages: well, and what needs a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Parameters
    ----------
    title : str
    text : str
        What it shows and when to worry, in a sentence.
    queries : mapping of str to str
        PromQL by legend; a legend may name labels, `{{stage}}`.
    look : {"stat", "timeseries", "bargauge"}
    unit : str
        One of Grafana's: `short`, `s`, `percentunit`.
    width : int
        Of 24 columns.
    orange_from, orange_below : float, optional
        From where on, or below what, the value needs a person.
    words : mapping of int to str
        What to show instead of a number.
    """

    title: str
    text: str
    queries: Mapping[str, str]
    look: Look = "timeseries"
    unit: str = "short"
    width: int = 12
    orange_from: float | None = None
    orange_below: float | None = None
    words: Mapping[int, str] | None = None

    @property
    def height(self) -> int:
        """In rows of the grid."""
        return 4 if self.look == "stat" else 8


def dashboard(*, uid: str, title: str, text: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """The dashboard of these panels, from left to right and from top to bottom."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": ["retention"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {"text": "Prometheus", "value": "retention-prometheus"},
                }
            ]
        },
        "panels": _placed(panels),
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    placed, x, y, row_height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append(_panel(number, panel, place))
        x, row_height = x + panel.width, max(row_height, panel.height)
    return placed


def _panel(number: int, panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    is_now = panel.look in ("stat", "bargauge")
    options: dict[str, Any] = (
        {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name"}
        if is_now
        else {"legend": {"displayMode": "list", "placement": "bottom"}}
    )
    return {
        "id": number,
        "type": panel.look,
        "title": panel.title,
        "description": panel.text,
        "datasource": dict(DATASOURCE),
        "gridPos": dict(place),
        "targets": [
            {
                "refId": chr(ord("A") + place_of),
                "datasource": dict(DATASOURCE),
                "expr": expression,
                "legendFormat": legend,
                "instant": is_now,
                "range": not is_now,
            }
            for place_of, (legend, expression) in enumerate(panel.queries.items())
        ],
        "options": options,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": _steps(panel)},
                "mappings": _mappings(panel.words or {}),
            },
            "overrides": [],
        },
    }


def _steps(panel: Panel) -> list[dict[str, Any]]:
    if panel.orange_below is not None:
        return [{"color": _ORANGE, "value": None}, {"color": _GREEN, "value": panel.orange_below}]
    steps: list[dict[str, Any]] = [{"color": _GREEN, "value": None}]
    if panel.orange_from is not None:
        steps.append({"color": _ORANGE, "value": panel.orange_from})
    return steps


def _mappings(words: Mapping[int, str]) -> list[dict[str, Any]]:
    if not words:
        return []
    options = {
        str(value): {"text": text, "index": index}
        for index, (value, text) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]
