"""Every answer over HTTP: what is taken, what is said no to, and with which status."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from retention_ml import clock
from retention_ml.errors import WarehouseError
from retention_ml.live.api.service import Service
from retention_ml.live.api.web import make_app
from retention_ml.live.tokens import READ, WRITE, make_token, revoke_token
from retention_ml.settings.services import Live
from retention_ml.warehouse import Warehouse
from tests.worlds.live_shop import LiveShop

EVENTS = "/v1/events?source=shop&feed=clicks"


class Caller:
    """A program with a token."""

    def __init__(self, service: Service, token: str) -> None:
        self._client = TestClient(make_app(service), raise_server_exceptions=True)
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, body: bytes | str, path: str = EVENTS, **headers: str) -> httpx.Response:
        return self._client.post(path, content=body, headers=self.headers | headers)

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers=self.headers)


@pytest.fixture
def caller(shop: LiveShop) -> Caller:
    return Caller(shop.service, shop.token)


def _with(shop: LiveShop, **live: Any) -> Service:
    settings = shop.settings.model_copy(update={"live": Live(**live)})
    return Service(shop.warehouse, settings)


def _line(shop: LiveShop, key: str = "1", customer: int = 3) -> bytes:
    [record] = shop.clicks([customer])
    return json.dumps({"key": key, "record": record}).encode()


def test_an_event_is_durable_when_it_is_accepted_and_once_whatever_is_sent_again(
    shop: LiveShop, caller: Caller
) -> None:
    body = b"\n".join([_line(shop), b"{", _line(shop, "2")])
    answer = caller.post(body)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(each["line"], each["code"]) for each in answer.json()["refused"]] == [(2, "no_json")]
    assert len(shop.rows("SELECT * FROM live.events")) == 2
    again = caller.post(body).json()
    assert (again["accepted"], again["repeated"]) == (0, 2)
    other = caller.post(_line(shop, customer=4))
    assert (other.status_code, other.json()["error"]) == (422, "key_reused")
    assert len(shop.rows("SELECT * FROM live.events")) == 2


def test_no_record_can_be_read_in_the_log(shop: LiveShop, caller: Caller) -> None:
    caller.post(_line(shop))
    [row] = shop.rows("SELECT * FROM live.events")
    assert b"c003" not in row["record_sealed"] + row["key_digest"] + row["record_digest"]
    shop.worker.work()
    [row] = shop.rows("SELECT * FROM live.events")
    assert row["record_sealed"] is None
    assert shop.rows("SELECT customer_id FROM curated.events") == [{"customer_id": "c003"}]


def test_what_cannot_be_cast_is_in_quarantine_with_its_reason(
    shop: LiveShop, caller: Caller
) -> None:
    [record] = shop.clicks([3])
    ahead = f"{clock.now() + timedelta(days=2):%Y-%m-%d %H:%M:%S}"
    for key, change in {
        "ahead": {"time": ahead},
        "wrong": {"time": "noon"},
        "word": {"what": "stares"},
    }.items():
        line = json.dumps({"key": key, "record": record | change})
        assert caller.post(line).status_code == 202
    assert caller.post(json.dumps({"key": "good", "record": record})).status_code == 202
    shop.worker.work()
    reasons = {row["reason_code"] for row in shop.rows("SELECT * FROM quarantine.rows")}
    assert "event_in_future" in reasons
    assert len(shop.rows("SELECT * FROM quarantine.rows")) == 3
    assert len(shop.rows("SELECT * FROM curated.events")) == 1
    assert shop.rows("SELECT status FROM live.batches") == [{"status": "delivered"}]


def test_each_token_is_good_for_its_own(shop: LiveShop) -> None:
    def status(secret: str | None, path: str = EVENTS) -> tuple[int, str]:
        caller = Caller(shop.service, secret or "")
        if secret is None:
            caller.headers = {}
        answer = caller.post(_line(shop), path) if "events" in path else caller.get(path)
        return answer.status_code, answer.json().get("error", "")

    def made(name: str, scope: str, source: str | None = None) -> str:
        return make_token(shop.warehouse, name=name, scopes=[scope], source=source, days=1)

    risk = "/v1/customers/c003/risk"
    assert status(None) == (401, "no_token")
    assert status("rtn_nobody") == (401, "unknown_token")
    reader, writer = made("reader", READ), made("writer", WRITE)
    assert status(reader) == (403, "wrong_scope")
    assert status(writer, risk) == (403, "wrong_scope")
    assert status(reader, risk) == (200, "")
    assert status(made("other", WRITE, "simulated")) == (403, "wrong_source")
    expired = made("expired", WRITE)
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE live.tokens SET made_at = :then, expires_at = :now WHERE name = 'expired'",
            then=clock.now() - timedelta(days=2),
            now=clock.now(),
        )
    assert status(expired) == (401, "expired_token")
    revoked = made("revoked", WRITE)
    revoke_token(shop.warehouse, "revoked")
    assert status(revoked) == (401, "expired_token")
    assert shop.rows("SELECT * FROM live.events") == []


def test_what_is_too_much_or_no_event_is_refused_whole(shop: LiveShop) -> None:
    service = _with(shop, body_kilobytes_max=2, request_events_max=3, events_per_second=0.4)
    caller = Caller(service, shop.token)
    cases = [
        (b"x" * 3_000, EVENTS, {}, 413, "body_too_large"),
        (b"\n".join([_line(shop, str(n)) for n in range(4)]), EVENTS, {}, 413, "too_many_events"),
        (b"\n \n", EVENTS, {}, 422, "no_events"),
        (b"{bad", EVENTS, {}, 422, "no_json"),
        (_line(shop), EVENTS, {"Content-Encoding": "gzip"}, 415, "packed_body"),
        (_line(shop), "/v1/events?source=shop&feed=none", {}, 404, "no_such_feed"),
        (_line(shop), "/v1/events?source=shop&feed=book", {}, 404, "no_such_feed"),
    ]
    for body, path, headers, status, code in cases:
        answer = caller.post(body, path, **headers)
        assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert [caller.post(_line(shop, f"{n}")).status_code for n in range(3)] == [202, 202, 202]
    flooded = caller.post(_line(shop, "9"))
    assert flooded.status_code == 429
    assert 1 <= int(flooded.headers["Retry-After"]) <= 5
    assert len(shop.rows("SELECT * FROM live.events")) == 3


def test_a_body_without_a_length_is_not_read_to_its_end(shop: LiveShop) -> None:
    read = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            read.append(number)
            yield b"x" * 1_024

    caller = Caller(_with(shop, body_kilobytes_max=2), shop.token)
    answer = caller._client.post(EVENTS, content=pieces(), headers=caller.headers)
    assert answer.status_code == 413


def test_risk_is_the_published_one_until_something_comes(shop: LiveShop, caller: Caller) -> None:
    before = caller.get("/v1/customers/c003/risk").json()
    assert (before["is_fresh"], before["as_of"]) == (False, shop.today.isoformat())
    caller.post(_line(shop))
    shop.worker.work()
    after = caller.get("/v1/customers/c003/risk").json()
    assert (after["is_fresh"], after["as_of"]) == (True, shop.tomorrow.isoformat())
    assert after["previous_tier"] == before["risk_tier"]
    assert after["computed_at"] > before["computed_at"]
    assert 0 <= after["churn_probability"] <= 1


def test_an_unknown_customer_has_no_risk_and_their_events_score_nobody(
    shop: LiveShop, caller: Caller
) -> None:
    answer = caller.get("/v1/customers/c999/risk")
    assert (answer.status_code, answer.json()["error"]) == (404, "no_score")
    assert "c999" not in answer.text
    caller.post(_line(shop, customer=999))
    shop.worker.work()
    assert shop.rows("SELECT * FROM scores.fresh") == []
    assert shop.rows("SELECT customers_count FROM live.batches") == [{"customers_count": 0}]
    assert caller.get("/v1/customers/c999/recommendations").status_code == 404


def test_without_the_warehouse_the_last_answer_is_marked_and_nothing_is_half_taken(
    shop: LiveShop, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = caller.get("/v1/customers/c003/risk").json()

    def silent(*_: object, **__: object) -> Any:
        raise WarehouseError("The warehouse does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "transaction", silent)
        stale = caller.get("/v1/customers/c003/risk")
        assert stale.status_code == 200
        assert stale.json() == published | {"is_stale": True}
        for answer in (
            caller.get("/v1/customers/c004/risk"),
            caller.post(_line(shop)),
            caller.get("/health"),
        ):
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
            assert answer.headers["Retry-After"] == "5"
        assert "retention_live_warehouse_up 0" in caller.get("/metrics").text
    assert shop.rows("SELECT * FROM live.events") == []


def test_health_and_figures_say_what_waits(shop: LiveShop, caller: Caller) -> None:
    caller.post(_line(shop))
    health = caller.get("/health").json()
    assert (health["status"], health["waiting_events"]) == ("ok", 1)
    assert health["lag_seconds"] > 0
    text = caller.get("/metrics").text
    assert "retention_live_waiting_events 1" in text
    assert 'retention_live_events_total{outcome="accepted",source="shop"} 1' in text
    shop.worker.work()
    health = caller.get("/health").json()
    assert (health["waiting_events"], health["open_batches"], health["lag_seconds"]) == (0, 0, 0)
    assert health["fresh_scores"] == 1
