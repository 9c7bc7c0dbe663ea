"""What a cache is of: the warehouse, and how far its tables had come."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import ibis
import pyarrow as pa

from retention_ml.warehouse import Transaction

Select = Callable[[ibis.Table | str], pa.Table]

_GROUP = (
    "SELECT warehouse_id::text AS warehouse_id, changes_count FROM features.cached_tables "
    "WHERE table_group = '{group}'"
)
# A pass is its deliveries and the moment it was made: after a restored backup another pass may have
# the same number.
_PASSES = (
    "SELECT rollup_id, concat_ws(' ', rollup_id, count(*), sum(delivery_id), "
    "extract(epoch FROM max(rolled_up_at))) AS pass FROM features.rolled_up "
    "GROUP BY rollup_id ORDER BY rollup_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A warehouse, and how often hands other than the doors' have changed a group of its tables."""

    warehouse_id: str
    changes_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """The passes of the rollups, oldest first.

    Parameters
    ----------
    rollup_ids : tuple of int
    names : tuple of str
        What each pass is told from another of the same number by.
    """

    rollup_ids: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def newest(self) -> int:
        """The number of the newest pass, 0 if there was none."""
        return self.rollup_ids[-1] if self.rollup_ids else 0

    def sha256(self, newest: int) -> str:
        """The digest of all passes up to one."""
        names = (
            name
            for rollup_id, name in zip(self.rollup_ids, self.names, strict=True)
            if rollup_id <= newest
        )
        return hashlib.sha256("\n".join(names).encode()).hexdigest()


def write_as_door(transaction: Transaction, group: str) -> None:
    """Let what the transaction writes to the tables of a group not count as changed by hand."""
    transaction.execute("SELECT set_config('retention.cached_write', :group, true)", group=group)


def read_origin(select: Select, group: str) -> Origin:
    """The origin of the `rollups` or of the `days`."""
    [row] = select(_GROUP.format(group=group)).to_pylist()
    return Origin(**row)


def of_transaction(transaction: Transaction, group: str) -> Origin:
    """`read_origin` as an open transaction sees it."""
    [row] = transaction.execute(_GROUP.format(group=group))
    return Origin(**row._mapping)


def read_passes(select: Select) -> Passes:
    """The passes over the deliveries that the rollups hold."""
    rows = select(_PASSES)
    return Passes(
        rollup_ids=tuple(rows["rollup_id"].to_pylist()), names=tuple(rows["pass"].to_pylist())
    )
