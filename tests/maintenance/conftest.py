"""The shops of the tests of people."""

from tests.people.conftest import shop, shop_files, shop_with_numbers

__all__ = ["shop", "shop_files", "shop_with_numbers"]
