"""The door `respond`: one more day of a simulated shop, whose customers answer to contacts."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml import atomic_files
from retention_ml.errors import UsageError
from retention_ml.simulate import files, population
from retention_ml.simulate.response import contact_log
from retention_ml.simulate.response.contact_log import Contact
from retention_ml.simulate.response.continued_shop import (
    ContinuedShop,
    Simulation,
    continued,
    start_of_day,
)
from retention_ml.simulate.response.day_tables import day_tables, first_permissions
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import World

_FIRST_PERMISSIONS = "contact_permissions_granted.csv"


def respond(
    simulation: Simulation,
    world: World,
    *,
    out: Path,
    day: date,
    contacts: Sequence[Contact],
    responses: Mapping[str, str] | None = None,
    channels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Live through one day and write its files into `out`, as the shop would deliver them.

    Equal arguments write equal bytes, also when a day is lived through again. With the first day
    come the permissions that the customers of the simulation had granted.

    Parameters
    ----------
    simulation : Simulation
        What `simulate` was called with for `out`.
    world : World
        What actions do.
    day : date
        The day after the newest one, or an earlier one again.
    contacts : sequence of Contact
        What has reached customers; those of other days than `day` are left out.
    responses : mapping of str to str, optional
        Which action of the world an `action_id` is; those that are not named are called alike.
    channels : mapping of str to str, optional
        By which of `contact_log.CHANNELS` an `action_id` goes; those not named go by e-mail.

    Raises
    ------
    UsageError
        `out` holds no such simulation, the day is not its turn, an action is unknown, or an
        earlier day had other contacts.
    """
    started = time.perf_counter()
    _require_simulation(simulation, out)
    number = simulation.day_number(day)
    _require_turn(simulation, out, day)
    today = _with_responses(
        world, [each for each in contacts if each.as_of == day], responses or {}, channels or {}
    )
    contact_log.require_world(out, world.name)
    is_changed = contact_log.record(out, day, today)
    lived = continued(simulation, world, _recorded(simulation, out, day), number)
    tables = day_tables(lived)
    if is_changed:
        for feed in tables:
            (out / f"{feed}_{day}.csv").unlink(missing_ok=True)
    rows = {feed: _write(out / f"{feed}_{day}.csv", table) for feed, table in tables.items()}
    if number == simulation.days:
        rows["granted"] = _write(out / _FIRST_PERMISSIONS, first_permissions(lived))
    return {
        "day": day.isoformat(),
        "contacts": len(today),
        **_reached(lived),
        "orders": int(lived.shop.orders[number].sum()),
        **{f"{feed}_rows": count for feed, count in rows.items()},
        "seconds": round(time.perf_counter() - started, 3),
    }


def shop_at(simulation: Simulation, world: World, *, out: Path, day: date) -> RespondingShop:
    """The shop at the start of a day, for `potential_outcomes`: those of contacts of the day before."""
    before = day - timedelta(days=1)
    return start_of_day(
        simulation, world, _recorded(simulation, out, before), simulation.day_number(day)
    )


def _reached(lived: ContinuedShop) -> dict[str, int]:
    if lived.today not in lived.sent:
        return {"bounced": 0, "without_permission": 0, "withdrawn": 0}
    sent = lived.sent[lived.today]
    return {
        "bounced": int(sent.bounced.sum()),
        "without_permission": int(lived.withdrawn_before[sent.channel, sent.customer].sum()),
        "withdrawn": int((lived.withdrawn & ~lived.withdrawn_before).sum()),
    }


def _require_simulation(simulation: Simulation, out: Path) -> None:
    path = out / "truth" / "customers.parquet"
    if not path.is_file():
        raise UsageError(
            f"{out} holds no simulated shop. Run `retention simulate` without --respond first."
        )
    truth = pq.read_table(path, columns=["purchase_rate_per_day", "first_day"])
    people = population.population(
        np.random.default_rng([simulation.seed, 0]),
        customers=simulation.customers,
        days=simulation.days,
    )
    is_same = (
        truth.num_rows == simulation.customers
        and np.array_equal(truth["purchase_rate_per_day"].to_numpy(), people.purchase_rate_per_day)
        and truth["first_day"][0].as_py() == simulation.first_day
    )
    if not is_same:
        raise UsageError(
            f"{out} holds a shop that was simulated with other customers, days, seed or first day. "
            "Give the same ones as then."
        )


def _require_turn(simulation: Simulation, out: Path, day: date) -> None:
    lived = contact_log.days_lived(out)
    first = simulation.first_day + timedelta(days=simulation.days)
    turn = lived[-1] + timedelta(days=1) if lived else first
    if not first <= day <= turn:
        raise UsageError(
            f"{day} is not the shop's next day; expected {turn}"
            f"{f', or a day from {first} again' if lived else ''}. Live through the days in order."
        )


def _with_responses(
    world: World,
    contacts: Sequence[Contact],
    responses: Mapping[str, str],
    channels: Mapping[str, str],
) -> list[Contact]:
    """The contacts with the action of the world that each is answered to as, and its channel."""
    answered = [
        replace(
            each,
            response=responses.get(each.action_id, each.action_id),
            channel=channels.get(each.action_id, contact_log.EMAIL),
        )
        for each in contacts
    ]
    unknown = sorted(
        {each.action_id for each in answered if each.response not in world.action_ids[1:]}
    )
    if unknown:
        raise UsageError(
            f"The world {world.name} has no answer to {', '.join(unknown)}; expected one of "
            f"{', '.join(world.action_ids[1:])}. Say with --answer NAME=ACTION what it is like."
        )
    return answered


def _recorded(simulation: Simulation, out: Path, through: date) -> dict[int, list[Contact]]:
    return {
        simulation.day_number(day): contact_log.recorded(out, day)
        for day in contact_log.days_lived(out)
        if day <= through
    }


def _write(path: Path, table: pa.Table) -> int:
    if table.num_rows:
        header = ",".join(table.column_names).encode() + b"\n"
        atomic_files.write_durable(path, header + files.csv_lines(table))
    return int(table.num_rows)
