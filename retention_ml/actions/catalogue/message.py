"""A message as it is sent: an action's templates filled in for one customer."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from jinja2.exceptions import TemplateError

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.catalogue.language import environment, with_missing
from retention_ml.actions.catalogue.variables import (
    VARIABLES,
    Product,
    Recipient,
    clean,
    values_of,
)
from retention_ml.errors import MessageRefused

SUBJECT = "subject"
CHARACTERS_MAX = 100_000  # mail programs cut what is longer

SAMPLE = Recipient(
    tier="high",
    reason="no order for 61 days, usually every 19 days",
    value_cents=4_250,
    last_order_on=date(2026, 1, 4),
    favourite_category="Tea & coffee",
    products=(
        Product(product_id="T-204", name="Earl Grey, 250 g", category="Tea & coffee"),
        Product(product_id="T-117", name="Café crème, 1 kg", category="Tea & coffee"),
        Product(product_id="K-031", name='Teapot "Ø 14 cm"'),
    ),
    coupon_code="COME-BACK-7Q4X",
)
SPARSE = Recipient(tier="low")
SAMPLE_MESSAGE_ID = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a customer or a CRM gets.

    Parameters
    ----------
    subject, text, html, unsubscribe_url, coupon_code : str, optional
        None where the action has none.
    variables : mapping of str to Any, optional
        For a CRM only: the values of all variables, as JSON has them.
    """

    subject: str | None
    text: str | None
    html: str | None
    unsubscribe_url: str | None
    coupon_code: str | None
    variables: Mapping[str, Any] | None

    def payload(self) -> dict[str, Any]:
        """The message as JSON, without what it does not have."""
        fields = {name: getattr(self, name) for name in Message.__slots__}
        return {name: value for name, value in fields.items() if value is not None}


class Renderer:
    """Fills in the templates of a catalogue; one for many messages.

    Parameters
    ----------
    templates : mapping of str to str
        The texts by name, such as `come_back.html`.
    currency : str
        The shop's currency.
    minor_units : int
        Smallest units in one of the currency.
    """

    def __init__(self, templates: Mapping[str, str], *, currency: str, minor_units: int) -> None:
        self._texts = templates
        self._environment = environment(templates)
        self._subjects: dict[str, Any] = {}
        self._currency, self._minor_units = currency, minor_units

    def render(self, action: Action, recipient: Recipient, message_id: str) -> Message:
        """The message of an action for a customer.

        Raises
        ------
        MessageRefused
            A value that the template prints is missing, or the message is too long. It says which
            template, line and variable, and never the customer's number.
        """
        _require_gift(action, recipient)
        if action.kind != "coupon":
            recipient = replace(recipient, coupon_code=None)
        url = action.unsubscribe_url and action.unsubscribe_url.replace("{message_id}", message_id)
        values = values_of(
            recipient, currency=self._currency, minor_units=self._minor_units,
            discount_share=action.discount_share, unsubscribe_url=url,
        )  # fmt: skip
        is_open = action.speaks_to_customer
        context = with_missing(
            {
                name: value
                for name, value in values.items()
                if not (is_open and VARIABLES[name].is_internal)
            }
        )
        text, html = (self._part(action, suffix, context) for suffix in (".txt", ".html"))
        return Message(
            subject=self._subject(action, context),
            text=text,
            html=html,
            unsubscribe_url=url,
            coupon_code=values["coupon_code"],
            variables=None if action.speaks_to_customer else _as_json(values),
        )

    def _part(self, action: Action, suffix: str, context: Mapping[str, Any]) -> str | None:
        name = f"{action.template}{suffix}"
        if action.template is None or name not in self._texts:
            return None
        return _fill(self._environment.get_template(name), name, context)

    def _subject(self, action: Action, context: Mapping[str, Any]) -> str | None:
        if action.subject is None:
            return None
        if action.subject not in self._subjects:
            self._subjects[action.subject] = self._environment.from_string(action.subject)
        return clean(_fill(self._subjects[action.subject], SUBJECT, context))


def _require_gift(action: Action, recipient: Recipient) -> None:
    if action.kind == "coupon" and not recipient.coupon_code:
        raise MessageRefused(f"{action.action_id} was to bring a coupon, and no code was given.")
    if action.kind == "recommendation" and not recipient.products:
        raise MessageRefused(
            f"{action.action_id} was to recommend products, and there is none for this customer."
        )


def _fill(template: Any, name: str, context: Mapping[str, Any]) -> str:
    pieces, length = [], 0
    try:
        for piece in template.generate(context):
            pieces.append(piece)
            length += len(piece)
            if length > CHARACTERS_MAX:
                raise MessageRefused(
                    f"{name} becomes longer than {CHARACTERS_MAX:,} characters; the message is "
                    "not sent. Shorten the template."
                )
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise MessageRefused(
            f"{name}, line {_line_of(error)}: {str(error)[:200]}. Leave the sentence out "
            "for such customers ({% if … %}), or give another word (| default('…'))."
        ) from None
    return "".join(pieces)


def _line_of(error: Exception) -> int:
    """The line of the template in which an error arose: Jinja puts it into the traceback."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == "<template>"
    ]
    return int(lines[-1] or 1) if lines else 1


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them: days and money as text, what is missing as null."""
    plain = (str, list, type(None))
    return {
        name: value if isinstance(value, plain) else str(value) for name, value in values.items()
    }
