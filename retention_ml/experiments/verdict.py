"""What a look at an experiment says: open, won, lost, undecided or invalid, with the reason."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from retention_ml.experiments.design import Design
from retention_ml.experiments.effects import Effect
from retention_ml.experiments.guards import ALL, Guard

Outcome = Literal["open", "won", "lost", "undecided", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows from a look.

    Parameters
    ----------
    outcome : str
        `open`: go on; `won`: `arm` is better than leaving customers alone; `lost`: every action
        is worse or did harm; `undecided`: the time is over; `invalid`: customers did not come into
        the arms by their shares, so that no figure counts.
    arm : str
        The action that won; empty otherwise.
    reason : str
        Why, in sentences with their figures.
    """

    outcome: Outcome
    reason: str
    arm: str = ""


def verdict(
    paths: Mapping[str, Sequence[Effect]],
    guards: Sequence[Guard],
    ratio: tuple[float, str],
    design: Design,
    *,
    elapsed_days: int,
    ratio_error_rate: float,
) -> Verdict:
    """The verdict of the newest look.

    Parameters
    ----------
    paths : mapping of str to sequence of Effect
        By action, the effect on the metric that decides at each look. Decided at one look stays
        decided: the interval may widen again, its error rate covers all looks.
    guards : sequence of Guard
        A broken guard of all customers ends its action; one of a tier keeps it from winning.
    ratio : pair of float and str
        Largest e-value of the sample ratio so far, and where.
    elapsed_days : int
        Days since the start.
    ratio_error_rate : float
        The experiment is invalid where the e-value reached its reciprocal.
    """
    e_value, where = ratio
    needed = 1 / ratio_error_rate
    if e_value >= needed:
        return Verdict(
            outcome="invalid",
            reason=f"Customers did not come into the arms by their shares: {where} (e-value "
            f"{_e(e_value)}, {needed:.0f} decides). No figure of this experiment counts. Look for "
            "customers or outcomes of one arm that are lost, then start another one.",
        )
    broken = {arm: [one for one in guards if one.arm == arm and one.is_broken] for arm in paths}
    harmful = {arm for arm, some in broken.items() if any(one.segment == ALL for one in some)}
    better = {arm for arm, path in paths.items() if any(one.is_better for one in path)}
    worse = {arm for arm, path in paths.items() if any(one.is_worse for one in path)}
    winners = [arm for arm in paths if arm in better - worse - harmful and not broken[arm]]
    sentences = [_sentence(arm, path[-1], design) for arm, path in paths.items() if path]
    sentences += [one.sentence for some in broken.values() for one in some]
    outcome: Outcome = "open"
    arm = ""
    if winners:
        outcome, arm = "won", max(winners, key=lambda one: paths[one][-1].effect)
        sentences.append(f"{arm} is better than leaving customers alone, and no guard is broken.")
    elif all(one in worse - better or one in harmful for one in paths):
        outcome = "lost"
        sentences.append("No action is left that is not worse or harmful.")
    else:
        for one in sorted(better & worse):
            sentences.append(f"The evidence about {one} contradicts itself.")
        for one in sorted(better - harmful - worse):
            sentences.append(f"{one} is better, but a guard holds it back.")
        sentences.append("That does not decide.")
    if outcome == "open" and elapsed_days >= design.days_max:
        outcome = "undecided"
        sentences.append(f"The time is over after {elapsed_days} days.")
    return Verdict(outcome=outcome, arm=arm, reason=" ".join(sentences))


def _sentence(arm: str, one: Effect, design: Design) -> str:
    if math.isnan(one.effect):
        return f"Of {arm} too few decisions have an outcome ({one.count:,})."
    if design.metric == "retained":
        unit, effect = "retention", f"{one.effect:+.2%}"
        interval = f"{one.lower:+.2%} to {one.upper:+.2%}"
    else:
        unit, effect = "margin per decision", f"{one.effect:+,.4g}"
        interval = f"{one.lower:+,.4g} to {one.upper:+,.4g}"
    return (
        f"On {one.count:,} decisions {arm} changes the {unit} by {effect} (always-valid interval "
        f"{interval})."
    )


def _e(value: float) -> str:
    return f"{value:,.2f}" if value < 10_000 else "over 10,000"
