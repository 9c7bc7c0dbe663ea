"""Airflow's plugin for the pages: an entry of the navigation, a tile on the home page, a tab of runs."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/retention"


class RetentionPages(AirflowPlugin):  # type: ignore[misc]  # airflow is untyped here
    """The six pages behind Airflow's login."""

    name = "retention_pages"
    external_views = [
        {
            "name": "Retention",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "retention",
            "nav_top_level": True,
        },
        {
            "name": "Retention",
            "href": f"{PREFIX}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "retention-run",
        },
    ]

    react_apps = [
        {
            "name": "Retention today",
            "bundle_url": f"{PREFIX}/assets/tile.js",
            "destination": "dashboard",
            "url_route": "retention-today",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The app, made only where it is served: workers load plugins too."""
        from retention_airflow.web.pages_app import make_app

        return [{"app": make_app(), "url_prefix": PREFIX, "name": "Retention"}]
