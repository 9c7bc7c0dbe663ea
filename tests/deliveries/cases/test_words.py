"""What people are told: which column, which value, what was expected, and what a rule is called."""

from tests.deliveries.cases.shops import Shop, plain, rows


def test_a_row_set_aside_names_column_value_and_what_was_expected(shop: Shop) -> None:
    shop.describe(
        plain(
            event_at='{ column = "Created at", format = ["%d/%m/%Y", "%d/%m/%Y %H:%M"] }',
            line_amount_cents='{ column = "price", money = true }',
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                "1,13/25/2025,c1,S1,1,1.00",
                "2,13/05/2025,c1,S1,1,1.2.3",
                "3,13/05/2025,c1,S1,9999999999,1.00",
                "4,13/05/2025,c1,S1,1,1.00",
                header="order,Created at,customer,sku,qty,price",
            )
        }
    )
    details = shop.details()
    assert list(details) == [2, 3, 4]
    for line, words in {
        2: ("Created at", "13/25/2025", "%d/%m/%Y"),
        3: ("price", "1.2.3"),
        4: ("qty", "9999999999"),
    }.items():
        for word in words:
            assert word in details[line]


def test_microseconds_read_as_milliseconds_are_not_before_1990(shop: Shop) -> None:
    shop.describe(plain(event_at='{ column = "placed", format = "epoch_ms" }'))
    shop.deliver({"orders.csv": rows("1,1736086991123456,c1,S1,1,1.00")})
    (reason,) = shop.quarantined()
    assert reason[0] == 2
    assert "1736086991123456" in shop.details()[2]


def test_check_shows_rows_as_they_were_understood_and_how_many_met_each_rule(shop: Shop) -> None:
    shop.describe(
        plain(
            "guests = true",
            """
[[feeds.orders.rules]]
when = { status = "^refunded$" }
kind = "return"

[[feeds.orders.rules]]
when = { status = "^cancelled$" }
leave_out = true
""",
            timezone="America/New_York",
            event_at='{ column = "placed", format = "%d/%m/%Y %H:%M" }',
        )
    )
    inspection = shop.check(
        {
            "orders.csv": rows(
                "1,05/01/2025 14:23,c1,S1,2,1.50,paid",
                "2,05/02/2025 14:23,,S1,1,1.50,refunded",
                header="order,placed,customer,sku,qty,price,status",
            )
        }
    )
    first, second = inspection.examples
    assert first.before["event_at"] == "05/01/2025 14:23"
    assert first.after["event_at"].startswith("2025-01-05 19:23")
    assert first.after["customer_id"] == "c1"
    assert "3.00" in first.after["line_amount_cents"]
    assert second.after["kind"] == "return"
    assert [rule.count for rule in inspection.rules] == [1, 0]
    assert inspection.guests == 1
    assert inspection.kinds == {"sale": 1, "return": 1}
    assert [month.month for month in inspection.months] == ["2025-01", "2025-02"]
