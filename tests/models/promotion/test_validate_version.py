"""What a bundle must be to serve under the settings of today."""

from typing import Any

import pytest

from retention_ml.models.promotion.validate_version import unfit_reason
from retention_ml.settings import Settings
from tests.worlds.registered import a_bundle


@pytest.mark.parametrize("day", [20250301, None, "soon"])
def test_a_manifest_without_a_day_as_text_is_unfit(settings: Settings, day: Any) -> None:
    assert unfit_reason(settings, a_bundle(settings, 1)) is None
    reason = unfit_reason(settings, a_bundle(settings, 1, as_of=day))
    assert reason == f"its manifest names {day!r} as its day, expected a date"
