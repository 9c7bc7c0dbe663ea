"""The pages inside Airflow: who is let in, and what they are answered."""

import warnings
from collections.abc import Iterator

import pytest

with warnings.catch_warnings():  # Airflow imports a client that warns of its next name
    warnings.simplefilter("ignore")
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.revoked_token import RevokedToken
    from fastapi.testclient import TestClient

from retention_airflow.web import pages_app

from retention_ml.errors import WarehouseError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.published_shop import published_shop


@pytest.fixture
def client(warehouse: Warehouse) -> Iterator[TestClient]:
    with TestClient(pages_app.make_app(lambda: warehouse)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def manager() -> BaseAuthManager:
    return create_auth_manager()


@pytest.fixture
def viewer(manager: BaseAuthManager, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # Who logged out is in Airflow's database, which these tests do without.
    monkeypatch.setattr(RevokedToken, "is_revoked", lambda *_, **__: False)
    token = manager.generate_jwt(SimpleAuthManagerUser(username="vera", role="viewer"))
    return {"_token": token}


@pytest.mark.parametrize("path", ["/", "/today", "/nothing", "/assets/pages.js"])
def test_who_is_not_logged_in_sees_nothing(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 401
    assert "Retention" not in response.text


def test_a_forged_session_is_refused(client: TestClient) -> None:
    client.cookies.set("_token", "forged")
    assert client.get("/today").status_code == 403


def test_who_is_logged_in_sees_the_page(client: TestClient, viewer: dict[str, str]) -> None:
    client.cookies.update(viewer)
    response = client.get("/today")
    assert response.status_code == 200
    assert "This page fills as soon as a day is scored" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert client.get("/assets/pages.js").status_code == 200
    assert client.get("/assets/style.css").status_code == 404


def test_all_customers_come_as_a_file(
    client: TestClient, viewer: dict[str, str], warehouse: Warehouse, settings: Settings
) -> None:
    published_shop(warehouse, settings, count=1)
    client.cookies.update(viewer)
    response = client.get("/customers.csv")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "content-length" not in response.headers  # it goes out while it is read
    assert len(response.text.splitlines()) == 301


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/today?as_of=2026-03-01", 404, "There are no scores of 2026-03-01"),
        ("/today?as_of=yesterday", 400, "expected YYYY-MM-DD"),
        ("/today?as_of=2026-03-01'--", 400, "expected YYYY-MM-DD"),
        ("/nothing", 404, "There is no such page"),
        ("/customers.csv", 404, "There are no customers to export"),
    ],
)
def test_what_does_not_exist_is_a_sentence(
    client: TestClient, viewer: dict[str, str], path: str, status: int, words: str
) -> None:
    client.cookies.update(viewer)
    response = client.get(path)
    assert response.status_code == status
    assert words in response.text


def test_a_database_that_is_down_is_a_sentence(viewer: dict[str, str]) -> None:
    def closed() -> Warehouse:
        raise WarehouseError("no answer from 10.0.0.1")

    with TestClient(pages_app.make_app(closed)) as client:
        client.cookies.update(viewer)
        response = client.get("/today")
    assert response.status_code == 503
    assert "The database does not answer" in response.text
    assert "10.0.0.1" not in response.text
