"""Rules: which rows are a feed's, what they are, and which reason counts."""

from pathlib import Path

import pytest

from retention_ml.deliveries import pipeline
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.readers import readers
from retention_ml.limits import Limits
from tests.worlds.feeds import LANDED, Cast, cast_file

HEAD = "order,placed,customer,sku,qty,price,status\n"


def describe(folder: Path, feed: str = "", rules: str = "", zone: str = "UTC") -> None:
    (folder / "s.toml").write_text(
        f"""title = "t"
timezone = "{zone}"
currency = "USD"
[feeds.orders]
files = ["*.csv"]
table = "order_lines"
{feed}
[feeds.orders.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "placed"
quantity = "qty"
line_amount_cents = {{ product_of = ["qty", "price"], money = true }}
{rules}""",
        encoding="utf-8",
    )


def cast(folder: Path, *rows: str) -> Cast:
    path = folder / "orders.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    result = cast_file(path, folder, "s")
    result.rows.sort(key=lambda row: str(row["order_id"]))
    return result


def rule(when: str, *outcome: str) -> str:
    return "[[feeds.orders.rules]]\n" + "\n".join((when, *outcome)) + "\n"


PAID = "1,2025-01-01 08:00:00,c1,S1,2,5.00,paid"
CANCELLED = "2,2025-01-02 08:00:00,c2,S1,2,5.00,cancelled"


def left_out(folder: Path) -> tuple[int, int]:
    """How many rows of the file were delivered and left out."""
    source, path = load_source(folder, "s"), folder / "orders.csv"
    feed = source.feeds["orders"]
    delivery = pipeline.Input(7, LANDED, lambda: readers.open_file(path, feed).chunks)
    with Engine(Limits(threads=1)) as engine:
        (group,) = pipeline.cast(engine, source, "orders", [delivery], ())
    return group.delivered[7], group.left_out[7]


@pytest.mark.parametrize(
    "feed",
    [
        'where = { status = "^paid$" }',
        'unless = { status = "^cancelled$" }',
        'where = { status = "present" }\nunless = { status = ["cancelled"] }',
        'where = { event_at = "< 2025-01-02" }',
        'where = { customer_id = ["c1"] }',
    ],
)
def test_rows_that_are_not_the_feeds_are_left_out_and_counted(tmp_path: Path, feed: str) -> None:
    describe(tmp_path, feed)
    result = cast(tmp_path, PAID, CANCELLED)
    assert [row["order_id"] for row in result.rows] == ["1"]
    assert result.reasons == {}
    assert left_out(tmp_path) == (2, 1)


def test_a_rule_leaves_rows_out_although_they_cannot_be_read(tmp_path: Path) -> None:
    describe(tmp_path, rules=rule('when = { order = "^Total" }', "leave_out = true"))
    result = cast(tmp_path, PAID, "Total,,,,,x5,")
    assert (len(result.rows), result.reasons) == (1, {})
    assert left_out(tmp_path) == (2, 1)


def test_a_declared_reason_goes_before_what_else_is_wrong_with_the_row(tmp_path: Path) -> None:
    outcome = ('quarantine = "total_row"', 'because = "The sum of the day."')
    describe(tmp_path, rules=rule('when = { order = "^Total" }', *outcome))
    assert cast(tmp_path, PAID, "Total,,,,,x5,").reasons == {3: "total_row"}


def test_unless_takes_rows_out_of_a_rule(tmp_path: Path) -> None:
    describe(tmp_path, rules=rule('unless = { status = "^paid$" }', 'kind = "cancellation"'))
    rows = cast(tmp_path, PAID, CANCELLED, "3,2025-01-02 08:00:00,c3,S1,1,5.00,").rows
    assert [row["kind"] for row in rows] == ["sale", "cancellation", "cancellation"]


@pytest.mark.parametrize("kind", ["cancellation", "return"])
def test_a_sale_undone_in_place_has_no_piece_and_no_money(tmp_path: Path, kind: str) -> None:
    when = 'when = { status = "^cancelled$" }'
    describe(tmp_path, rules=rule(when, f'kind = "{kind}"', "in_place = true"))
    result = cast(tmp_path, PAID, CANCELLED)
    names = ("kind", "quantity", "line_amount_cents", "discount_cents")
    assert [tuple(row[name] for name in names) for row in result.rows] == [
        ("sale", 2, 1000, 0),
        (kind, 0, 0, 0),
    ]
    assert result.reasons == {}


def test_a_cancellation_without_pieces_that_is_not_in_place_is_still_refused(
    tmp_path: Path,
) -> None:
    describe(tmp_path, rules=rule('when = { status = "^cancelled$" }', 'kind = "cancellation"'))
    assert cast(tmp_path, CANCELLED.replace(",2,5", ",0,5")).reasons == {2: "zero_quantity"}


def test_a_date_in_a_rule_is_of_the_shops_calendar_also_where_times_have_an_offset(
    tmp_path: Path,
) -> None:
    when = 'when = { event_at = "< 2025-01-02" }'
    describe(tmp_path, rules=rule(when, 'kind = "charge"'), zone="America/New_York")
    rows = cast(
        tmp_path,
        "1,2025-01-01 23:59:59,c1,S1,2,5.00,",
        "2,2025-01-02 00:00:00,c1,S1,2,5.00,",
        "3,2025-01-02T04:59:59Z,c1,S1,2,5.00,",
        "4,2025-01-02T05:00:00Z,c1,S1,2,5.00,",
    ).rows
    assert [row["kind"] for row in rows] == ["charge", "sale", "charge", "sale"]


def test_a_canonical_name_that_is_not_mapped_is_a_column_of_the_file(tmp_path: Path) -> None:
    describe(tmp_path, rules=rule('when = { kind = "^refund$" }', 'kind = "return"'))
    path = tmp_path / "orders.csv"
    path.write_text(HEAD.replace("status", "kind") + PAID.replace("paid", "refund") + "\n")
    assert [row["kind"] for row in cast_file(path, tmp_path, "s").rows] == ["return"]


UNDECIDED = [
    'where = { quantity = "> 0" }',
    'unless = { quantity = "< 1" }',
    'where = { quantity = "present" }\nunless = { quantity = "< 1" }',
    'where = { quantity = "> 0" }\nunless = { quantity = "missing" }',
]


@pytest.mark.parametrize("feed", UNDECIDED)
def test_a_row_whose_number_cannot_be_read_is_quarantined_not_left_out(
    tmp_path: Path, feed: str
) -> None:
    describe(tmp_path, feed)
    result = cast(
        tmp_path, PAID, "2,2025-01-02 08:00:00,c2,S1,two,5.00,", PAID.replace(",2,", ",0,")
    )
    assert len(result.rows) == 1
    assert result.reasons == {3: "bad_number"}


def test_a_rule_with_an_exception_does_not_hide_what_cannot_be_read(tmp_path: Path) -> None:
    describe(tmp_path, rules=rule('unless = { quantity = "> 0" }', "leave_out = true"))
    result = cast(tmp_path, PAID, "2,2025-01-02 08:00:00,c2,S1,two,5.00,")
    assert result.reasons == {3: "bad_number"}


AMOUNT = 'currency = "status"\n'
LEAVE_OUT_MISSING = rule('when = { line_amount_cents = "missing" }', "leave_out = true")


@pytest.mark.parametrize(
    ("feed", "rules", "row", "reason"),
    [
        ("", LEAVE_OUT_MISSING, "2,2025-01-02,c2,S1,2,€5,", "other_currency"),
        ("", LEAVE_OUT_MISSING, "2,2025-01-02,c2,S1,2,five,", "bad_number"),
        (AMOUNT, LEAVE_OUT_MISSING, "2,2025-01-02,c2,S1,2,5.00,SEK", "other_currency"),
        (AMOUNT, LEAVE_OUT_MISSING, "2,2025-01-02,c2,S1,2,5.00,", "missing_currency"),
        ('where = { event_at = "present" }', "", "2,13/01/2025,c2,S1,2,5.00,", "bad_timestamp"),
        ('unless = { event_at = "missing" }', "", "2,13/01/2025,c2,S1,2,5.00,", "bad_timestamp"),
        ('where = { line_amount_cents = "present" }', "", "2,2025-01-02,c2,S1,2,€5,", "other_currency"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_missing(
    tmp_path: Path, feed: str, rules: str, row: str, reason: str
) -> None:
    describe(tmp_path, feed, rules)
    assert cast(tmp_path, PAID.replace("paid", "USD"), row).reasons == {3: reason}
    assert left_out(tmp_path) == (2, 0)


@pytest.mark.parametrize(
    ("feed", "rules", "row"),
    [
        ("", LEAVE_OUT_MISSING, "2,13/01/2025,c2,S1,2,,"),
        (AMOUNT, LEAVE_OUT_MISSING, "2,2025-01-02,c2,S1,2,,SEK"),
        ('where = { event_at = "present" }', "", "2,,c2,S1,two,5.00,"),
        ('where = { quantity = "> 0" }', "", "2,13/01/2025,c2,S1,,5.00,"),
    ],
)
def test_what_is_missing_is_left_out_whatever_else_is_wrong_with_the_row(
    tmp_path: Path, feed: str, rules: str, row: str
) -> None:
    describe(tmp_path, feed, rules)
    assert cast(tmp_path, PAID.replace("paid", "USD"), row).reasons == {}
    assert left_out(tmp_path) == (2, 1)


def test_where_and_unless_may_ask_the_same_column(tmp_path: Path) -> None:
    describe(tmp_path, 'where = { quantity = "> 0" }\nunless = { quantity = "> 5" }')
    rows = [f"{n},2025-01-01,c,S1,{qty},5.00," for n, qty in enumerate([0, 2, 6, "two"])]
    result = cast(tmp_path, *rows)
    assert ([row["quantity"] for row in result.rows], result.reasons) == ([2], {5: "bad_number"})


def test_half_a_piece_meets_no_condition_on_whole_ones(tmp_path: Path) -> None:
    describe(tmp_path, rules=rule('when = { quantity = "= 2" }', "leave_out = true"))
    assert cast(tmp_path, PAID.replace(",2,", ",1.5,"), PAID).reasons == {2: "bad_number"}
    assert left_out(tmp_path) == (2, 1)
