"""The catalogue of features: every column of `features.customer_daily`, with unit and meaning.

A window of N days at `as_of` D holds the shop's days D - N to D - 1. Counts and amounts are 0
where nothing happened; shares, means, ratios and days since something are missing (NULL) where
there is nothing to divide by or to count from. Money is in minor units (`_cents`).

Features are declared by the modules of `families`; here they are put in order.
"""

from retention_ml.features.families import (
    basket,
    behaviour,
    breadth,
    gaps,
    habits,
    purchases,
    returns,
    rhythm,
)
from retention_ml.features.feature import Feature

FAMILIES = (
    "recency", "frequency", "monetary", "gaps", "basket", "breadth", "assortment", "returns",
    "discounts", "trend", "habits", "events", "campaigns", "feedback", "season",
)  # fmt: skip
MODULES = (purchases, gaps, rhythm, basket, breadth, returns, habits, behaviour)

# Raise it with every change of what an existing feature means: days that were stored before are
# then stale, and are not compared with later ones. A feature more or less is noticed by itself.
VERSION = 1

CATALOGUE: tuple[Feature, ...] = tuple(
    sorted(
        (feature for module in MODULES for feature in module.FEATURES),
        key=lambda feature: FAMILIES.index(feature.family),
    )
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)
FEATURES: dict[str, Feature] = {feature.name: feature for feature in CATALOGUE}
