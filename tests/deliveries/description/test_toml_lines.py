"""The line of a key in any valid TOML."""

import pytest

from retention_ml.deliveries.description.toml_lines import line_of

TEXT = '''# a comment with a key = "x"
title = """
files = "not a key"
"""  # after it
[feeds."a.b".columns]
order_id = { column = "x # no comment", values = { a = "b", "c d" = 'e' } }
list = [
  "one",
  { when = { x = "y" } },  # , ]
]
[feeds.z]
also.products.columns.name = "n"
[[feeds.z.rules]]
kind = "return"
[[feeds.z.rules]]
when = { q = "< 0" }
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("feeds", "a.b", "columns"), 5),
        (("feeds", "a.b", "columns", "order_id", "values", "c d"), 6),
        (("feeds", "a.b", "columns", "list", 0), 8),
        (("feeds", "a.b", "columns", "list", 1, "when", "x"), 9),
        (("feeds", "z", "also", "products", "columns", "name"), 12),
        (("feeds", "z", "rules", 0, "kind"), 14),
        (("feeds", "z", "rules", 1), 15),
        (("feeds", "z", "rules", 1, "when", "q"), 16),
        (("feeds", "z", "rules", 1, "set", "x"), 15),
        (("nothing",), 1),
    ],
)
def test_the_line_of_a_key(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, path) == line
