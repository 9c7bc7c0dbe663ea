"""The catalogue of features."""

import re
from pathlib import Path
from typing import get_args

import pytest

from retention_ml.features.assemble import customer_daily
from retention_ml.features.catalogue import CATALOGUE, FAMILIES, FEATURE_NAMES
from retention_ml.features.document import DOCUMENT, as_markdown
from retention_ml.features.feature import Feature, Unit
from retention_ml.features.inputs import registered_inputs

_PROJECT = Path(__file__).resolve().parents[2]


def test_names_are_unique_and_speak_plainly() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) >= 90
    assert all(re.fullmatch(r"[a-z][a-z0-9_]+", name) for name in FEATURE_NAMES)


def test_every_family_is_there_in_order() -> None:
    assert tuple(dict.fromkeys(feature.family for feature in CATALOGUE)) == FAMILIES


def test_the_expression_has_exactly_the_features_of_the_catalogue() -> None:
    wide = customer_daily(registered_inputs(), active_days=90)
    assert wide.columns == ("as_of_day", "customer_id", *FEATURE_NAMES)
    assert {str(wide[name].type()) for name in FEATURE_NAMES} == {"float64"}


@pytest.mark.parametrize("feature", CATALOGUE, ids=lambda feature: feature.name)
def test_a_window_in_the_name_is_the_window_it_looks_at(feature: Feature) -> None:
    named = re.search(r"_(\d+)d$", feature.name)
    if named and "decayed" not in feature.name:
        assert feature.window_days is not None
        assert feature.window_days >= int(named[1])
    assert feature.meaning
    assert feature.unit in get_args(Unit)
    assert feature.unit != "cents" or "_cents" in feature.name
    assert feature.unit != "share" or "_share" in feature.name
    assert feature.unit != "days" or feature.name.endswith("_days")


def test_the_document_is_the_catalogue() -> None:
    path = _PROJECT / DOCUMENT
    assert path.read_text(encoding="utf-8") == as_markdown(), (
        f"{DOCUMENT} differs from the catalogue. Regenerate it with "
        "`python -m retention_ml.features.document`."
    )
