"""The six pages inside Airflow's API server, behind Airflow's login.

Who may not see DAGs sees no page: everything asks for that right, scripts too. Nothing is written,
nothing is asked of another host, and what the address holds reaches the database as a value only.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from retention_ml.settings import load

if TYPE_CHECKING:
    from fastapi import FastAPI

    from retention_ml.warehouse import Warehouse

SCRIPTS = ("echarts.min.js", "pages.js", "tile.js")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


def make_app(open_warehouse: "Callable[[], Warehouse] | None" = None) -> "FastAPI":
    """The app, to be mounted by a plugin.

    Parameters
    ----------
    open_warehouse : callable, optional
        The warehouse; that of the settings by default.
    """
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, Request, Response
    from fastapi.responses import StreamingResponse

    opened = open_warehouse or _warehouse
    app = FastAPI(
        title="Retention",
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET"))],
    )

    def page(request: Request, name: str = "today") -> Response:
        """One of the pages."""
        from retention_ml.reports.site.answer import answer

        result = answer(opened, load(), name, dict(request.query_params))
        if result.parts is not None:
            return StreamingResponse(
                result.parts, result.status, media_type=result.media_type, headers=HEADERS
            )
        return Response(result.body, result.status, media_type=result.media_type, headers=HEADERS)

    def script(name: str) -> Response:
        """A script of the pages."""
        if name not in SCRIPTS:
            return Response("There is no such script.", 404, media_type="text/plain")
        text = files("retention_ml.pages").joinpath("assets", name).read_text(encoding="utf-8")
        headers = HEADERS | {"Cache-Control": "private, max-age=3600"}
        return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)

    def batch(number: str = "") -> Response:
        """The quality report of a batch, as it was written."""
        from retention_ml.reports.site.answer import not_there

        report = load().home / "reports" / "quality" / f"batch_{number:0>6}.html"
        if not (number.isascii() and number.isdecimal() and report.is_file()):
            result = not_there(
                "There is no quality report of that batch: it has not been checked yet, or its files "
                "were all refused."
            )
            return Response(
                result.body, result.status, media_type=result.media_type, headers=HEADERS
            )
        return Response(
            report.read_text(encoding="utf-8"),
            media_type="text/html; charset=utf-8",
            headers=HEADERS,
        )

    routes: dict[str, Callable[..., Any]] = {
        "/assets/{name}": script,
        "/batch": batch,
        "/{name}": page,
        "/": page,
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    return app


@cache
def _warehouse() -> "Warehouse":
    """The warehouse of the settings, neither started nor migrated: pages only read."""
    from retention_ml.limits import postgres_settings
    from retention_ml.stack import databases
    from retention_ml.warehouse import Warehouse

    settings = load()
    url = settings.warehouse_url or databases.address(settings.home, "retention")
    return Warehouse(url, statement_minutes_max=1, session_settings=postgres_settings(settings))
