"""All actions to be had, with their templates: as rows, and as one document and back."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import field_validator

from retention_ml.actions.catalogue.action import NONE, Action
from retention_ml.deliveries.description.mistakes import listed, nearest, shown
from retention_ml.deliveries.description.section import Section
from retention_ml.errors import UsageError


class Catalogue(Section):
    """The actions by name, `none` first, then as the alphabet, and the texts of their templates.

    Parameters
    ----------
    actions : dict of str to Action
        By `action_id`.
    templates : dict of str to str
        By name, such as `come_back.html`; only those that an action uses.
    """

    actions: dict[str, Action]
    templates: dict[str, str] = {}

    @field_validator("actions")
    @classmethod
    def _in_order(cls, value: dict[str, Action]) -> dict[str, Action]:
        return dict(sorted(value.items(), key=lambda item: (item[0] != NONE, item[0])))

    @cached_property
    def sha256(self) -> str:
        """Changes with every action and template."""
        versions = {name: action.version_sha256 for name, action in self.actions.items()}
        return digest(versions)

    @property
    def contacts(self) -> dict[str, Action]:
        """The actions other than `none`."""
        return {name: action for name, action in self.actions.items() if name != NONE}

    def action(self, action_id: str) -> Action:
        """The action of that name.

        Raises
        ------
        UsageError
            There is none: with the nearest name.
        """
        if action_id not in self.actions:
            raise UsageError(
                f"There is no action {shown(action_id)}; expected one of "
                f"{listed(self.actions)}.{nearest(action_id, self.actions)}"
            )
        return self.actions[action_id]

    def rows(self, minor_units: int) -> list[dict[str, Any]]:
        """One row per action, by the columns of `actions.catalogue` that do not name a day or run.

        Parameters
        ----------
        minor_units : int
            Smallest units in one of the shop's currency.
        """
        return [
            {
                "action_id": action.action_id,
                "version_sha256": action.version_sha256,
                "kind": action.kind,
                "channel": action.channel,
                "cost_cents": action.cost_cents(minor_units),
                "discount_share": action.discount_share,
                "effect_days": action.effect_days,
                "quota_per_day": action.quota_per_day,
                "rule": action.rule.model_dump(mode="json"),
            }
            for action in self.actions.values()
        ]

    def document(self) -> dict[str, Any]:
        """The whole catalogue as JSON, from which `from_document` makes an equal one."""
        return self.model_dump(mode="json")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Catalogue":
        """The catalogue that `document` was called on."""
        return cls.model_validate_json(json.dumps(document))


def digest(value: Any) -> str:
    """SHA-256, hexadecimal, of a value of JSON; the order of its keys does not count."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
