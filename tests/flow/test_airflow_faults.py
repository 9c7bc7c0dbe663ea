"""Faults of a whole stack: its scheduler dies, its sessions are cut, requests are hostile.

All is done to one shop whose files hold marks of persons, in a stack whose secrets are marked: in the
end every place that is written to is searched for them.
"""

import json
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.reports.site.write_pages import write_pages
from retention_ml.simulate import simulate
from retention_ml.stack import components, databases, demo, local
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.dags.hostile_parameters import HOSTILE, hostile
from tests.flow.places import places_of, secrets_of
from tests.flow.stack import Stack, running_stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_FIRST_DAY = date(2024, 1, 1)
_SHOP_DAYS = 430
_DAY = _FIRST_DAY + timedelta(days=_SHOP_DAYS)
_ORDERS = 40

_NUMBER, _COMMENT, _FILE = "MRKQZ0000017", "MRKSAIDTHIS", "MRKINANAME"
_SECRETS = {
    "RETENTION_SLACK_WEBHOOK": "http://127.0.0.1:9/services/MRKSLACKTOKEN",
    "AIRFLOW_CONN_SMTP_DEFAULT": "smtp://alerts:MRKSMTPPASSWORD@127.0.0.1:9",
    "RETENTION_SMTP_URL": "smtp://shop:MRKMAILPASSWORD@127.0.0.1:9",
    "RETENTION_WEBHOOK_URL": "http://127.0.0.1:9/MRKHOOKADDRESS",
    "RETENTION_WEBHOOK_SECRET": "MRKHOOKSECRETMRKHOOKSECRETMRKHOOKSECRET",
}
_MARKED = ("MRKSLACKTOKEN", "MRKSMTPPASSWORD", "MRKMAILPASSWORD", "MRKHOOKADDRESS", "MRKHOOKSECRET")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    variables = {
        **_SECRETS,
        "RETENTION_ALERTS__EMAIL_TO": "team@shop.example",
        "RETENTION_PRIVACY__PSEUDONYMS": "true",
        "RETENTION_METRICS__ENABLED": "true",
        "RETENTION_METRICS__PORT": str(free_port()),
    }
    with running_stack(tmp_path_factory.mktemp("stack"), variables) as running:
        yield running


@pytest.fixture(scope="module")
def published(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack after the first day of a shop in which one customer and what they said are marked."""
    shop = tmp_path_factory.mktemp("drop") / "shop"
    simulate(customers=600, days=_SHOP_DAYS, seed=7, out=shop, first_day=_FIRST_DAY)
    newest = sorted(shop.glob("order_lines_*.csv"))[-1].read_bytes().splitlines()
    customer = newest[-1].split(b",")[2]
    for path in shop.glob("*.csv"):
        path.write_bytes(path.read_bytes().replace(customer, _NUMBER.encode()))
    files = sorted(str(path) for path in shop.glob("*.csv"))
    conf = {"source": "simulated", "files": files, "history": True}
    stack.airflow.start(demo.CHAIN[0], f"test__{_DAY}", _DAY, conf)
    stack.follow(_DAY)
    return stack


def _parcel(folder: Path, number: int) -> list[str]:
    """Files of a day: whole ones, one with broken rows of the marked customer, one that is none."""
    day = _DAY + timedelta(days=number - 1)
    lines = "".join(
        f"K{number}-{n},p1,{_NUMBER if n % 2 else f'k{n}'},{day} 10:{n:02d}:00,1,2.50,2.50,0\n"
        for n in range(_ORDERS)
    )
    header = "order_id,product_id,customer_id,ordered_at,quantity,unit_price,amount,discount\n"
    feedback = "feedback_id,customer_id,given_at,kind,rating,product_id,comment\n"
    texts = {
        f"order_lines_{number}.csv": header
        + lines
        + f"B{number},p1,{_NUMBER},no time,1,2.50,2.50,0\n"
        + f"{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\n",
        f"feedback_{number}.csv": feedback
        + f"X{number},{_NUMBER},{day} 11:00:00,review,5,p1,{_COMMENT} {number}\n",
        f"products_{_FILE}_{number}.csv": f"\x1f\x8b no gzip file {_NUMBER}",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="latin-1")
    return [str(folder / name) for name in texts]


def _begin(stack: Stack, day: date, name: str, files: list[str]) -> None:
    stack.airflow.start(
        demo.CHAIN[0], f"{name}__{day}", day, {"source": "simulated", "files": files}
    )


def _is_running(stack: Stack, dag_id: str, day: date) -> bool:
    return any(run["state"] == "running" for run in stack.airflow.runs(dag_id, day))


@pytest.mark.fault(
    "the scheduler killed during a run, and started again",
    promises="P1 P2 P3",
    row=5,
    counted="deaths of the scheduler",
)
def test_a_run_whose_scheduler_died_completes_and_loses_and_doubles_nothing(
    published: Stack, tmp_path: Path
) -> None:
    moments = random.Random(5)
    for number in range(1, count("deaths of the scheduler") + 1):
        day = _DAY + timedelta(days=number)
        _begin(published, day, "killed", _parcel(tmp_path, number))
        dag_id = demo.CHAIN[(0, 1, 3)[number % 3]]
        wait_until(lambda dag_id=dag_id, day=day: _is_running(published, dag_id, day))  # type: ignore[misc]
        time.sleep(moments.uniform(0, 3))
        pid = components.component(published.settings, "scheduler").pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        local.up(published.settings)
        published.follow(day)
        assert published.states(day) == dict.fromkeys(demo.CHAIN, "success")
        assert published.days()[-1] == day
        orders = f"SELECT count(*) AS n FROM curated.order_lines WHERE order_id LIKE 'K{number}-%'"
        assert published.rows(orders) == [{"n": _ORDERS}]
        assert violations(published.warehouse) == []
        interrupted = published.latest()
        _begin(published, day, "again", [])
        published.follow(day)
        assert published.latest() == interrupted


def test_sessions_that_are_cut_are_tried_again(published: Stack, tmp_path: Path) -> None:
    number = 8
    day = _DAY + timedelta(days=number)
    _begin(published, day, "cut", _parcel(tmp_path, number))
    wait_until(lambda: published.task_state(day, "collect") == "success")
    with closing(Warehouse(databases.server(published.settings.home).url("retention"))) as server:
        for _ in range(5):
            server.read(
                "SELECT count(pg_terminate_backend(pid)) AS cut FROM pg_stat_activity "
                "WHERE datname = 'retention' AND pid <> pg_backend_pid()"
            )
            time.sleep(1)
    published.follow(day)
    assert published.states(day) == dict.fromkeys(demo.CHAIN, "success")
    assert violations(published.warehouse) == []


def _status(stack: Stack, path: str, body: Any, token: str | None) -> int:
    request = urllib.request.Request(
        f"{stack.airflow.url}{path}",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"}
        | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _token(stack: Stack, user: str, password: str) -> str:
    request = urllib.request.Request(
        f"{stack.airflow.url}/auth/token",
        data=json.dumps({"username": user, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return str(json.load(answer)["access_token"])


_PARAMETERS = {
    "ingest_deliveries": ("as_of", "source", "files", "history"),
    "build_features": ("as_of",),
    "train_models": ("as_of", "force"),
    "score_customers": ("as_of",),
}
_BODIES: tuple[Any, ...] = (
    b"", b"{", b"[]", b"null", b'{"logical_date": "now"}', b'{"conf": {}}', b"\xff\xfe", b'"x"',
    {"logical_date": None, "conf": []},
    {"logical_date": None, "conf": "as_of"},
    {"logical_date": None, "conf": {}, "is_admin": True},
    {"logical_date": None, "dag_run_id": ["x"]},
    {"logical_date": None, "run_after": "soon"},
    {"logical_date": "2026-01-01T00:00:00"},
)  # fmt: skip
_DAGS = ("none", "..%2Fdags", "ingest_deliveries'%20OR%201=1", "%00", "~")


@pytest.mark.fault(
    "requests for runs with hostile parameters, bodies, DAGs and tokens",
    promises="P6",
    row=43,
    counted="hostile requests for a run",
)
def test_a_hostile_request_is_refused_and_makes_no_run(published: Stack) -> None:
    runs = "SELECT count(*) AS n FROM dag_run"
    draw = random.Random(43)
    token = _token(published, published.airflow.user, published.airflow.password)
    passwords = json.loads((published.settings.home / "airflow" / "passwords.json").read_text())
    viewer = _token(published, "viewer", passwords["viewer"])
    with closing(Warehouse(databases.server(published.settings.home).url("airflow"))) as airflow:
        before = airflow.read(runs).to_pylist()
        answers = {}
        for number in range(count("hostile requests for a run")):
            dag_id, names = draw.choice(sorted(_PARAMETERS.items()))
            name, value = hostile(draw, names)
            body: Any = {"logical_date": None, "conf": {name: value}}
            who: str | None = token
            match number % 6:
                case 0:
                    body = draw.choice(_BODIES)
                case 1:
                    dag_id = draw.choice(_DAGS)
                case 2:
                    body["conf"], who = {}, draw.choice((None, "x", token[:-2], viewer))
            status = _status(published, f"/api/v2/dags/{dag_id}/dagRuns", body, who)
            answers[(number, dag_id, str(body)[:80])] = status
        accepted = {asked: status for asked, status in answers.items() if not 400 <= status < 500}
        assert accepted == {}
        assert airflow.read(runs).to_pylist() == before
    assert set(HOSTILE) == {name for names in _PARAMETERS.values() for name in names}


# Where the marks of persons are to be; everywhere else there is none. A file is named wherever
# somebody has to find it: the shop names it.
_WHERE = {
    _NUMBER: {"warehouse quarantine.rows", "warehouse privacy.contact_list"},
    _COMMENT: {"warehouse curated.feedback"},
}
_FILE_NAMES = ("logs/", "airflow ", "warehouse raw.deliveries", "warehouse ops.", "reports/")


@pytest.mark.fault(
    "secrets and persons over a whole run, with failures: searched for wherever something is written",
    promises="P7",
    row=38,
)
def test_no_secret_and_no_person_is_where_it_does_not_belong(
    published: Stack, tmp_path: Path
) -> None:
    _fail(published)
    settings = published.settings
    write_pages(published.warehouse, settings=settings)
    secrets = [*_MARKED, *secrets_of(settings)]
    assert len(secrets) > 25
    words = [*secrets, _NUMBER, _COMMENT, _FILE]
    places_by_word = places_of(words, settings, tmp_path)
    assert {word: places for word, places in places_by_word.items() if word in secrets} == {}
    assert places_by_word[_NUMBER] <= _WHERE[_NUMBER]
    assert "warehouse quarantine.rows" in places_by_word[_NUMBER]  # so that the search is one
    assert places_by_word[_COMMENT] == _WHERE[_COMMENT]
    assert [place for place in places_by_word[_FILE] if not place.startswith(_FILE_NAMES)] == []
    assert any(place.startswith("airflow ") for place in places_by_word[_FILE])
    assert any(place.startswith("logs/") for place in places_by_word[_FILE])


def _fail(stack: Stack) -> None:
    """A run whose first task fails for good, and whose alert no channel takes."""
    ahead = _DAY + timedelta(days=9999)
    _begin(stack, ahead, "ahead", [])
    wait_until(
        lambda: any(run["state"] == "failed" for run in stack.airflow.runs(demo.CHAIN[0], ahead))
    )
    wait_until(lambda: any("AlertNotSent" in text for text in _texts(stack.settings.home / "logs")))


def _texts(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_text("utf-8", errors="replace")
