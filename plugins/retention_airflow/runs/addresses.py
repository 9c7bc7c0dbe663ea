"""Where things are seen in a browser: the page of a day, a quality report, MLflow, the owner.

Airflow's own address is `[api] base_url`; that of MLflow `RETENTION_MLFLOW_PAGE`, else the tracking
server, where a browser can reach it.
"""

from datetime import date
from urllib.parse import urlencode

from retention_ml.settings import Settings

PAGES = "/retention"
"""Where the pages of the plugin are mounted below Airflow's own address."""


def airflow() -> str:
    """The address of Airflow's page, without a slash at the end."""
    from airflow.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "http://localhost:8080").rstrip("/")


def page_of_day(day: date) -> str:
    """The page that says how a day is."""
    return f"{airflow()}{PAGES}/today?{urlencode({'as_of': day.isoformat()})}"


def quality_page(batch_id: int) -> str:
    """The report of the checks of a batch."""
    return f"{airflow()}{PAGES}/batch?{urlencode({'number': batch_id})}"


def mlflow(settings: Settings) -> str | None:
    """The address of MLflow's page; None where there is none for a browser."""
    address = settings.mlflow_page or settings.tracking_uri or ""
    return address.rstrip("/") if address.startswith(("http://", "https://")) else None


def owner(settings: Settings) -> str:
    """Who is responsible: `alerts.owner_link`, a mail to whom alerts go to, or the page of today."""
    if settings.alerts.owner_link:
        return settings.alerts.owner_link
    if settings.alerts.email_to:
        return f"mailto:{settings.alerts.email_to[0]}"
    return f"{airflow()}{PAGES}/today"
