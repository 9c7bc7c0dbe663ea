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


def newest_matured(
    definition: ChurnDefinition, *, as_of: date, settle_days: int, data_ends_on: date
) -> date:
    """The newest day whose outcome window has closed, settled, and is covered by the data.

    Parameters
    ----------
    as_of : date
        The day of the training; nothing later is known.
    settle_days : int
        A window counts from this many days after its end.
    data_ends_on : date
        The day after the last day with an order: a window that reaches beyond is not known to be
        empty, the feed may just have stopped.
    """
    closes = min(as_of - timedelta(days=settle_days), data_ends_on)
    return closes - timedelta(days=definition.lead_days + definition.horizon_days)


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
    # Grid steps between the first evaluation day and the newest training day.
    apart = -(-(definition.lead_days + definition.horizon_days + embargo_days) // cutoff_every_days)
    apart = max(1, apart)

    def day(steps_back: int) -> date:
        return newest - timedelta(days=steps_back * cutoff_every_days)

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
    first_evaluation = evaluation_days - 1
    open_days = _open_days(definition, cutoff_every_days)
    # The grid may be coarser than the embargo: days whose window closes just in time are on it.
    late = -(-(definition.shortest_days + embargo_days) // cutoff_every_days)
    steps = range(max(1, late), apart + train_days)
    training = [day(first_evaluation + step) for step in steps]
    evaluation = [day(step) for step in range(evaluation_days)]
    final = [day(step) for step in range(-open_days, min(usable, cutoff_count))]
    return Plan(
        training=tuple(sorted(training)),
        evaluation=tuple(sorted(evaluation)),
        final=tuple(sorted(final)),
        notes=tuple(notes),
    )


def days_needed(definition: ChurnDefinition, *, cutoff_every_days: int, embargo_days: int) -> int:
    """The least days of settled history that `plan` needs: one training and one evaluation day."""
    window = definition.lead_days + definition.horizon_days
    apart = max(1, -(-(window + embargo_days) // cutoff_every_days)) * cutoff_every_days
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
    return tuple(sorted(newest - timedelta(days=step * cutoff_every_days) for step in steps))


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
