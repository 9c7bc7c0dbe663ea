"""`docs/features.md`, written from the catalogue: `python -m retention_ml.features.document`."""

from itertools import groupby

from retention_ml.features.catalogue import CATALOGUE
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
- Amounts are in minor units of the shop's currency (cents); shares are 0 to 1.
"""


def as_markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, f"There are {len(CATALOGUE)} features.\n"]
    for family, features in groupby(CATALOGUE, key=lambda feature: feature.family):
        parts.append(
            f"\n## {family.capitalize()}\n\n| Feature | Unit | Window | Meaning |\n|---|---|---|---|\n"
        )
        for feature in features:
            window = f"{feature.window_days} days" if feature.window_days else "–"
            parts.append(f"| `{feature.name}` | {feature.unit} | {window} | {feature.meaning} |\n")
    return "".join(parts)


if __name__ == "__main__":
    (PROJECT / DOCUMENT).write_text(as_markdown(), encoding="utf-8")
