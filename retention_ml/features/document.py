"""`docs/features.md`, written from the catalogue: `python -m retention_ml.features.document`."""

from collections.abc import Iterable
from itertools import groupby

from retention_ml.features.answers import ANSWERS, EFFECT_DAYS
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.feature import Feature
from retention_ml.settings import PROJECT

DOCUMENT = "docs/features.md"

_INTRODUCTION = """\
# Features

One row per active customer and day in `features.customer_daily`, as it stood at the start of the
day (`as_of`, midnight in `calendar.timezone`). Active is who ordered in the `churn.active_days`
before. This page is written from the catalogue (`retention_ml/features/catalogue.py`);
[extending.md](extending.md) shows how to add a feature.

- A window of N days holds the shop's days D - N to D - 1. A feature without a window looks at the
  whole history as it was known.
- Only what had happened *and* was available at the start of the day counts. A late row or a
  correction counts from the first midnight after it could be used; older days keep their answer.
- Purchases are orders of kind `purchase`; revenue, lines and pieces are those of merchandise sold
  (kind `sale`), without postage and fees. Guests are left out.
- Counts and amounts are 0 where nothing happened, also where the shop delivers no such data.
  Shares, means, ratios and days since something are empty where there is nothing to divide by or
  to count from. No value is NaN or infinite.
- Of days that a large shop's training reads, `features.customer_sampled` holds the same rows of a
  sample of the customers ([modelling](modelling.md#samples-are-drawn-before-they-are-built)).
- Amounts are in minor units of the shop's currency (cents); shares are 0 to 1.
"""

_ANSWERS = f"""\

These are no columns of `features.customer_daily`: models of effects compute them from the rollups and
the contacts known at the start of the day (`retention_ml/features/answers.py`), models of churn do not
see them. The effect window of a contact is the action's `effect_days` for the platform's own actions,
else {EFFECT_DAYS} days, the day of the contact included; days of several windows count once, and what
follows a contact is not time left alone. Only windows that have closed by the start of the day count. A
customer without any has 0 everywhere. `train_uplift` and `assign` read them.
"""


def as_markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, f"There are {len(CATALOGUE)} features.\n"]
    for family, features in groupby(CATALOGUE, key=lambda feature: feature.family):
        parts.append(_section(family, features))
    return "".join([*parts, _section("own answers", ANSWERS, _ANSWERS)])


def _section(family: str, features: Iterable[Feature], about: str = "") -> str:
    """A heading and a table of features."""
    parts = [
        f"\n## {family.capitalize()}\n{about}\n| Feature | Unit | Window | Meaning |\n|---|---|---|---|\n"
    ]
    for feature in features:
        window = f"{feature.window_days} days" if feature.window_days else "–"
        parts.append(f"| `{feature.name}` | {feature.unit} | {window} | {feature.meaning} |\n")
    return "".join(parts)


if __name__ == "__main__":
    (PROJECT / DOCUMENT).write_text(as_markdown(), encoding="utf-8")
