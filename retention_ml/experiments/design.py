"""What an experiment compares, on whom and how long: fixed before it starts."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from retention_ml.errors import UsageError

Metric = Literal["margin", "retained"]
Unit = Literal["decision", "customer"]

CONTROL = "none"
SHARE_MIN = 0.01
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_ARM = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The fixed part of an experiment.

    Parameters
    ----------
    experiment_id : str
        Its name, small letters, digits and underscores.
    arms : mapping of str to float
        Share of each action; `none` is the control. Together 1.
    tiers : tuple of str
        Risk tiers whose customers take part.
    metric : str
        What decides: `margin` after discount and contact cost in the outcome window, or
        `retained`. The other is reported beside it.
    unit : str
        `decision`: a lot is drawn at each decision; `customer`: once, and each customer counts
        once.
    error_rate : float
        The chance that, without any effect, anything is ever found, however often one looks.
    power : float
        The chance to find what is worth finding, with the customers planned.
    mde_save_rate : float
        The smallest share of would-be churners saved that is worth finding.
    days_max : int
        Days after which the experiment ends undecided.
    """

    experiment_id: str
    arms: Mapping[str, float]
    tiers: tuple[str, ...]
    metric: Metric = "margin"
    unit: Unit = "decision"
    error_rate: float = 0.05
    power: float = 0.80
    mde_save_rate: float = 0.10
    days_max: int = 182

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.experiment_id):
            raise UsageError(
                f"{self.experiment_id!r} is no name of an experiment; expected at most 48 small "
                "letters, digits and underscores, a letter first, such as spring_coupon."
            )
        if CONTROL not in self.arms or len(self.arms) < 2:
            raise UsageError(
                f"The arms are {', '.join(self.arms) or 'missing'}; expected {CONTROL!r}, which "
                "leaves customers alone, and at least one action."
            )
        unnamed = [arm for arm in self.arms if not _ARM.fullmatch(arm)]
        if unnamed:
            raise UsageError(
                f"{unnamed[0]!r} is no name of an action; expected letters, digits, _, - and dots."
            )
        too_small = [
            f"{arm} has {share:g}" for arm, share in self.arms.items() if not share >= SHARE_MIN
        ]
        if too_small or not math.isclose(sum(self.arms.values()), 1, abs_tol=1e-9):
            raise UsageError(
                f"The shares of the arms add up to {sum(self.arms.values()):g}"
                f"{''.join(f'; {one}' for one in too_small)}; expected 1 together and at least "
                f"{SHARE_MIN:g} each."
            )
        if not self.tiers:
            raise UsageError("No tier takes part; expected at least one.")
        if len(set(self.tiers)) < len(self.tiers):
            raise UsageError(
                f"The tiers are {', '.join(self.tiers)}; expected each once, since its customers are "
                "counted once."
            )

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms compared with the control, in order."""
        return tuple(arm for arm in self.arms if arm != CONTROL)

    @property
    def arm_error_rate(self) -> float:
        """The error rate of one comparison: all of them together keep `error_rate`."""
        return self.error_rate / len(self.treatments)

    def share_against_control(self, arm: str) -> float:
        """The share of an arm among customers who got it or were left alone."""
        return self.arms[arm] / (self.arms[arm] + self.arms[CONTROL])

    def salt(self, day: str) -> str:
        """What draws the lots of a day: for customers drawn once the same on every day."""
        return f"experiment:{self.experiment_id}" + (f":{day}" if self.unit == "decision" else "")
