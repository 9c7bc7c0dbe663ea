"""Which past days a training trains on, and which it evaluates on."""

from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.labels.definition import ChurnDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The days of a training, each oldest first.

    Parameters
    ----------
    training : tuple of date
        Candidates are trained on these, with outcomes known before the embargo ahead of the first
        day of `evaluation`. Of the newest of them only a part of the outcome window is known
        then, at least a third.
    evaluation : tuple of date
        Candidates are evaluated on these.
    final : tuple of date
        The chosen candidate is fitted anew on these, the newest ones at `as_of`; again the
        outcome windows of the newest are known in part.
    notes : tuple of str
        What was cut because the history is short.
    """

    training: tuple[date, ...]
    evaluation: tuple[date, ...]
    final: tuple[date, ...]
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """All days, oldest first, each once."""
        return tuple(sorted({*self.training, *self.evaluation, *self.final}))


def plan(
    definition: ChurnDefinition,
    *,
    newest: date,
    data_begins_on: date,
    cutoff_count: int,
    cutoff_every_days: int,
    evaluation_count: int,
    embargo_days: int,
) -> Plan | None:
    """The days of a training, or None if the history cannot carry one training day and one other.

    All days stand on one grid that ends at `newest`, so that features are shared. A day is usable
    from `definition.history_days` after the first order on. Where the history is too short first
    the training days become fewer, then the evaluation days.
    """
    usable = _usable(definition, newest, data_begins_on, cutoff_every_days)
    if usable == 0:
        return None
    apart = _apart(definition, cutoff_every_days, embargo_days)
    evaluation_days = min(evaluation_count, usable - apart)
    if evaluation_days < 1:
        return None
    train_days = min(cutoff_count, usable - apart - evaluation_days + 1)
    notes = []
    if train_days < cutoff_count:
        notes.append(f"{train_days} instead of {cutoff_count} training days: the history is short")
    if evaluation_days < evaluation_count:
        notes.append(
            f"{evaluation_days} instead of {evaluation_count} evaluation days: the history is short"
        )
    first = evaluation_days - 1
    # The grid may be coarser than the embargo: days whose window closes just in time are on it.
    late = max(1, -(-(definition.shortest_days + embargo_days) // cutoff_every_days))
    open_days = _open_days(definition, cutoff_every_days)
    return Plan(
        training=_grid(newest, cutoff_every_days, range(first + late, first + apart + train_days)),
        evaluation=_grid(newest, cutoff_every_days, range(evaluation_days)),
        final=_grid(newest, cutoff_every_days, range(-open_days, min(usable, cutoff_count))),
        notes=tuple(notes),
    )


def days_needed(definition: ChurnDefinition, *, cutoff_every_days: int, embargo_days: int) -> int:
    """The least days of settled history that `plan` needs: one training and one evaluation day."""
    window = definition.lead_days + definition.horizon_days
    apart = _apart(definition, cutoff_every_days, embargo_days) * cutoff_every_days
    return definition.history_days + apart + window


def learning_days(
    definition: ChurnDefinition,
    *,
    newest: date,
    data_begins_on: date,
    cutoff_count: int,
    cutoff_every_days: int,
) -> tuple[date, ...]:
    """The training days of a model without evaluation days, oldest first; none if none can be.

    Those after `newest` have seen at least a third of their outcome window.
    """
    usable = _usable(definition, newest, data_begins_on, cutoff_every_days)
    if usable == 0:
        return ()
    steps = range(-_open_days(definition, cutoff_every_days), min(usable, cutoff_count))
    return _grid(newest, cutoff_every_days, steps)


def _grid(newest: date, every_days: int, steps: range) -> tuple[date, ...]:
    """The days of the grid so many steps before `newest`, oldest first."""
    return tuple(newest - timedelta(days=step * every_days) for step in reversed(steps))


def _apart(definition: ChurnDefinition, cutoff_every_days: int, embargo_days: int) -> int:
    """Steps of the grid between the first evaluation day and the newest training day."""
    window = definition.lead_days + definition.horizon_days
    return max(1, -(-(window + embargo_days) // cutoff_every_days))


def _open_days(definition: ChurnDefinition, cutoff_every_days: int) -> int:
    """How many days of the grid after the newest matured one have enough of their window behind."""
    window = definition.lead_days + definition.horizon_days
    return (window - definition.shortest_days) // cutoff_every_days


def _usable(
    definition: ChurnDefinition, newest: date, data_begins_on: date, cutoff_every_days: int
) -> int:
    """How many days of the grid that ends at `newest` have enough history before them."""
    earliest = data_begins_on + timedelta(days=definition.history_days)
    return max(0, (newest - earliest).days // cutoff_every_days + 1)
