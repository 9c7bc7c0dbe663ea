"""Superset's REST API, as far as tests ask it."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.stack.superset.assets import Document
from tests.stack.superset.queries import query


class SupersetApi:
    """A session of the administrator."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self._token = ""
        credentials = {"username": "admin", "password": password, "provider": "db"}
        self._token = self.call("POST", "/api/v1/security/login", credentials)["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer; an error of Superset fails with its words."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error

    def listed(self, kind: str) -> dict[str, int]:
        """Every chart, dashboard, dataset or database by name, with its number."""
        named = {
            "chart": "slice_name",
            "dashboard": "dashboard_title",
            "dataset": "table_name",
            "database": "database_name",
        }
        rows = self.call("GET", f"/api/v1/{kind}/?q=(page_size:100)")["result"]
        assert len({row[named[kind]] for row in rows}) == len(rows), f"Some {kind} stands twice."
        return {row[named[kind]]: row["id"] for row in rows}

    def chart(self, number: int) -> Document:
        """A chart as Superset holds it."""
        stored = self.call("GET", f"/api/v1/chart/{number}")["result"]
        return {"viz_type": stored["viz_type"], "params": json.loads(stored["params"])}

    def rows(self, chart: Document, dataset: int) -> list[dict[str, Any]]:
        """What the query of a chart answers."""
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [query(chart)],
            "result_format": "json",
            "result_type": "full",
        }
        [result] = self.call("POST", "/api/v1/chart/data", body)["result"]
        assert not result.get("error"), result["error"]
        assert not result.get("rejected_filters"), result["rejected_filters"]
        rows: list[dict[str, Any]] = result["data"]
        return rows
