"""One action as its file (`actions/<name>.toml`) describes it."""

import re
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, StringConstraints, field_validator, model_validator

from retention_ml.deliveries.description.mistakes import Mistake, shown
from retention_ml.deliveries.description.section import CODE, Section

Kind = Literal["email", "push", "coupon", "recommendation"]
Channel = Literal["email", "webhook", "file"]
Tier = Literal["low", "medium", "high", "critical"]
# Every stage of who has ordered (profiles.stages).
LifecycleStage = Literal["new", "one_time", "repeat", "loyal", "slipping", "lapsed", "reactivated"]

NONE: Literal["none"] = "none"
Amount = Annotated[float, Field(ge=0, le=1e9, strict=True, allow_inf_nan=False)]
# One number, or an array of one a customer.
Numbers = TypeVar("Numbers", float, np.ndarray[Any, np.dtype[np.float64]])
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[!-~]*)?")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Rule(Section):
    """Who may get an action.

    Parameters
    ----------
    tiers : tuple of str
        The tiers of customers.
    stages : tuple of str, optional
        The lifecycle stages of customers; all without.
    value_min : float
        The least value at risk, in the shop's currency.
    needs_permission : bool
        Whether only customers who permitted it are contacted.
    purpose : str
        The purpose that the permission has to be for.
    """

    tiers: tuple[Tier, ...] = Field(("low", "medium", "high", "critical"), min_length=1)
    stages: tuple[LifecycleStage, ...] | None = Field(None, min_length=1)
    value_min: Amount = 0.0
    needs_permission: bool = Field(True, strict=True)
    purpose: str = "marketing"

    @field_validator("purpose")
    @classmethod
    def _is_word(cls, value: str) -> str:
        return _checked_code(value, "purpose", "marketing")


class _Terms(Section):
    title: Text
    template: str | None = None
    subject: Text | None = None
    coupons: str | None = None
    unsubscribe_url: Text | None = None
    cost: Amount = 0.0
    discount_share: Annotated[float, Field(ge=0, le=0.9, strict=True, allow_inf_nan=False)] = 0.0
    effect_days: int = Field(28, ge=1, le=365, strict=True)
    quota_per_day: int | None = Field(None, ge=0, le=100_000_000, strict=True)
    rule: Rule = Rule()


class ActionFile(_Terms):
    """What `actions/<name>.toml` says; docs/actions.md explains every key."""

    kind: Kind
    channel: Channel

    @field_validator("template", "coupons")
    @classmethod
    def _is_name(cls, value: str | None) -> str | None:
        return None if value is None else _checked_code(value, "name of a file", "come_back")

    @field_validator("subject")
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise Mistake(f"{shown(value)} is no subject; expected one line of text")
        return value

    @field_validator("unsubscribe_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        unknown = [name for name in _PLACEHOLDER.findall(value) if name != "message_id"]
        if (
            not _ADDRESS.fullmatch(value)
            or unknown
            or re.search(r"[{}]", _without_placeholders(value))
        ):
            raise Mistake(
                f"{shown(value)} is no address; expected https:// and a page of the shop; "
                "{message_id} in it becomes the number of the message"
            )
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ActionFile":
        if self.kind == "push" and self.channel != "webhook":
            raise Mistake(
                f"a push goes through a webhook, not through {shown(self.channel)}; expected "
                "channel = 'webhook'",
                ("channel",),
            )
        self._require_words()
        self._require_coupons()
        self._require_permission()
        return self

    def _require_words(self) -> None:
        if self.speaks_to_customer:
            for key in ("template", "subject"):
                if getattr(self, key) is None:
                    raise Mistake(f"a message to a customer needs the key {key!r}", ("kind",))
        if self.subject is not None and self.template is None:
            raise Mistake("`subject` needs a `template` beside it", ("subject",))
        if self.is_marketing_mail and self.unsubscribe_url is None:
            raise Mistake(
                "an e-mail for marketing needs the key 'unsubscribe_url', which its template names",
                ("channel",),
            )

    def _require_coupons(self) -> None:
        if self.kind == "coupon" and self.coupons is None:
            raise Mistake("a coupon needs the key 'coupons', the pool of its codes", ("kind",))
        if self.kind == "coupon" and self.discount_share == 0:
            raise Mistake(
                "a coupon needs the key 'discount_share', what its code takes off an order such as "
                "0.10; its cost is computed from it",
                ("discount_share",),
            )
        if self.kind != "coupon" and self.coupons is not None:
            raise Mistake(
                f"codes are given by kind = 'coupon' only; this is {shown(self.kind)}", ("coupons",)
            )

    def _require_permission(self) -> None:
        if (
            not self.rule.needs_permission
            and self.rule.purpose == "marketing"
            and self.channel != "file"
        ):
            raise Mistake(
                "marketing needs a permission; expected needs_permission = true, or another "
                "purpose, or channel = 'file' whose reader checks permissions itself",
                ("rule", "needs_permission"),
            )

    @property
    def speaks_to_customer(self) -> bool:
        """Whether the customer reads the message as it leaves the house, not a CRM before them."""
        return self.channel == "email" or self.kind == "push"

    @property
    def is_marketing_mail(self) -> bool:
        """Whether each message has to say how one gets no more of them."""
        return self.channel == "email" and self.rule.purpose == "marketing"


class Action(_Terms):
    """One entry of the catalogue: what its file says, its name and its version.

    Parameters
    ----------
    action_id : str
        The name of the file; `none` for leaving a customer alone.
    version_sha256 : str
        Changes with every key of the file and every character of its templates.
    kind : str
        `none`, `email`, `push`, `coupon` or `recommendation`.
    channel : str, optional
        `email`, `webhook` or `file`; empty for `none`.
    """

    action_id: str
    version_sha256: str
    kind: Kind | Literal["none"]
    channel: Channel | None

    @property
    def permission_channel(self) -> str | None:
        """The channel that a permission and an address are looked up for."""
        if self.kind == NONE:
            return None
        return "push" if self.kind == "push" else "email"

    @property
    def speaks_to_customer(self) -> bool:
        """Whether the customer reads the message as it leaves the house, not a CRM before them."""
        return self.channel == "email" or self.kind == "push"

    def cost_cents(self, minor_units: int) -> float:
        """What one contact costs without a discount, in the smallest units of money."""
        return round(self.cost * minor_units, 6)

    def expected_cost_cents(
        self, order_probability: Numbers, basket_cents: Numbers, minor_units: int
    ) -> Numbers:
        """What contacts are expected to cost: sending them, and the discount of those who order.

        Parameters
        ----------
        order_probability : float or array, shape (n_customers,)
            The probability of an order within the effect days when contacted, 0 to 1.
        basket_cents : float or array, shape (n_customers,)
            What such an order is expected to be worth before the discount.
        minor_units : int
            Smallest units in one of the currency.

        Examples
        --------
        >>> action = Action(
        ...     action_id="ten_off", version_sha256="", title="10 % off", kind="coupon",
        ...     channel="email", cost=0.02, discount_share=0.1,
        ... )
        >>> action.expected_cost_cents(0.25, 4_000.0, 100)
        102.0
        """
        discount = self.discount_share * order_probability * basket_cents
        return discount + self.cost_cents(minor_units)


def leave_alone() -> Action:
    """The action `none`, which is always there."""
    return Action(
        action_id=NONE, version_sha256=NONE, title="Leave the customer alone", kind=NONE,
        channel=None, rule=Rule(needs_permission=False, purpose=NONE),
    )  # fmt: skip


def _checked_code(value: str, what: str, example: str) -> str:
    if not CODE.fullmatch(value):
        raise Mistake(
            f"{shown(value)} is no {what}; expected 3 to 60 lower-case letters, digits and _ "
            f"such as {example!r}"
        )
    return value


def _without_placeholders(value: str) -> str:
    return _PLACEHOLDER.sub("", value)
