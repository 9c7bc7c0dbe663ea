"""What rows are that meet the conditions of a rule, and the kinds there are."""

from enum import StrEnum

from pydantic import model_validator

from retention_ml.deliveries.description.conditions import Conditions
from retention_ml.deliveries.description.mistakes import Mistake, shown
from retention_ml.deliveries.description.section import CODE, Section


class LineKind(StrEnum):
    """What an order line is; a charge is money without merchandise."""

    SALE = "sale"
    CANCELLATION = "cancellation"
    RETURN = "return"
    CHARGE = "charge"


class OrderKind(StrEnum):
    """What an order is."""

    PURCHASE = "purchase"
    CANCELLATION = "cancellation"
    RETURN = "return"


DEFAULT_KINDS = {"order_lines": LineKind.SALE, "orders": OrderKind.PURCHASE}


class Rule(Section):
    """What rows are that meet all of `when` and none of `unless`; the first that fits counts."""

    when: Conditions = {}
    unless: Conditions = {}
    kind: str | None = None
    in_place: bool = False
    quarantine: str | None = None
    leave_out: bool = False
    set: dict[str, int] = {}
    because: str = ""

    @property
    def condition_columns(self) -> tuple[str, ...]:
        """The columns its conditions name: canonical ones, or else columns of the file."""
        return tuple(dict.fromkeys((*self.when, *self.unless)))

    @model_validator(mode="after")
    def _one_outcome(self) -> "Rule":
        self._require_one("a rule has", "kind", "quarantine", "set", "leave_out")
        if not self.when and not self.unless:
            raise Mistake("a rule needs at least one condition in `when` or `unless`")
        if self.quarantine is not None:
            if not CODE.fullmatch(self.quarantine):
                raise Mistake(
                    f"{shown(self.quarantine)} is no reason code; expected lower-case letters, "
                    "digits and _ such as 'test_product'",
                    ("quarantine",),
                )
            if not self.because:
                raise Mistake(
                    f"the rule for {self.quarantine!r} needs `because`: a sentence", ("quarantine",)
                )
        if self.in_place and self.kind not in (LineKind.CANCELLATION, LineKind.RETURN):
            raise Mistake(
                "in_place does nothing here; it belongs to kind = 'cancellation' or 'return'",
                ("in_place",),
            )
        return self
