"""Fixtures that faults of models share with the tests of `models`."""

from tests.models.conftest import copied, shelf, stocked, trained

__all__ = ["copied", "shelf", "stocked", "trained"]
