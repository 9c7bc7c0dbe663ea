"""Trying a description on files: what was understood is shown, what is odd is said."""

import gzip
from pathlib import Path

import pytest

from retention_ml.deliveries.inspect import check_files
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from tests.worlds.feeds import GOOD, HEADER, line, write


def test_a_missing_file_is_reported_before_its_name_is_matched(
    shop_settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=r"There is no file no_such\.csv"):
        check_files([tmp_path / "no_such.csv"], settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match="is a directory; expected a regular file"):
        check_files([tmp_path], settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match=r"orders\.csv belongs to no feed of shop"):
        check_files(
            [write(tmp_path / "orders.csv", [line()])], settings=shop_settings, source="shop"
        )


def test_a_header_without_rows_gives_a_remark(shop_settings: Settings, tmp_path: Path) -> None:
    inspection = check_files(
        [write(tmp_path / "lines.csv", [])], settings=shop_settings, source="shop"
    ).feeds[0]
    assert (inspection.rows, inspection.accepted) == (0, 0)
    assert str(inspection.remark).startswith("lines.csv has a header and no rows")
    full = check_files(
        [write(tmp_path / "lines.csv", [line()])], settings=shop_settings, source="shop"
    ).feeds[0]
    assert full.remark is None


def test_a_cut_gzip_file_is_refused_with_its_size(shop_settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(gzip.compress((HEADER + "\n" + line()).encode())[:-9])
    with pytest.raises(FileRefused, match=rf"cut off after {path.stat().st_size} bytes"):
        check_files([path], settings=shop_settings, source="shop")


def test_first_rows_are_shown_before_and_after(shop_settings: Settings, tmp_path: Path) -> None:
    rows = [line(), line(quantity="x"), line(order="T1")]
    inspection = check_files(
        [write(tmp_path / "lines.csv", rows)], settings=shop_settings, source="shop"
    ).feeds[0]
    good, bad, test_order = inspection.examples
    assert good.before["line_amount_cents"] == "2 × 1.50"
    assert (good.after["line_amount_cents"], good.after["event_at"]) == (
        "3.00 GBP",
        "2026-01-05 10:00:00Z",
    )
    assert good.after["kind"] == "sale"
    assert (bad.outcome, dict(bad.after), bad.line) == ("bad_number", {}, 3)
    assert test_order.outcome == "test_order"


def test_a_reason_names_column_value_and_what_was_expected(
    shop_settings: Settings, tmp_path: Path
) -> None:
    rows = [line(at="13/25/2025"), line(quantity="x")]
    inspection = check_files(
        [write(tmp_path / "lines.csv", rows)], settings=shop_settings, source="shop"
    ).feeds[0]
    details = {finding.reason: finding.details for finding in inspection.findings}
    assert "13/25/2025" in details["bad_timestamp"][0]
    assert "%Y-%m-%d %H:%M:%S" in details["bad_timestamp"][0]
    assert details["bad_number"][0].startswith("quantity: 'x'")


def test_rules_are_counted_with_those_that_fit_no_row(
    shop_settings: Settings, tmp_path: Path
) -> None:
    rows = [line(), line(order="T1"), line(order="C1"), line(order="C2")]
    inspection = check_files(
        [write(tmp_path / "lines.csv", rows)], settings=shop_settings, source="shop"
    ).feeds[0]
    assert [(rule.outcome, rule.count) for rule in inspection.rules] == [
        ("quarantine test_order", 1),
        ("charge", 0),
        ("cancellation", 2),
        ("return", 0),
    ]


def test_several_files_are_read_by_every_feed_they_fit(
    shop_settings: Settings, tmp_path: Path
) -> None:
    january = write(tmp_path / "lines-01.csv", [line()])
    february = write(tmp_path / "lines-02.csv", [line(at="2026-02-05 10:00:00"), line(customer="")])
    products = tmp_path / "products.csv"
    products.write_text("product,name\np1,Mug\n", encoding="utf-8")
    stray = tmp_path / "stray.csv"
    stray.write_text("a\n1\n", encoding="utf-8")
    report = check_files(
        [january, february, products, stray], settings=shop_settings, source="shop"
    )
    lines, goods = report.feeds
    assert (lines.feed, goods.feed) == ("lines", "products")
    assert [(file.file, file.rows, file.accepted) for file in lines.files] == [
        ("lines-01.csv", 1, 1),
        ("lines-02.csv", 2, 1),
    ]
    assert [(month.month, month.rows) for month in lines.months] == [("2026-01", 1), ("2026-02", 1)]
    assert (lines.money, lines.customers, lines.guests) == ("6.00 GBP", 1, 0)
    assert "belongs to no feed of shop" in report.refused[str(stray)]


def describe(shop_settings: Settings, old: str, new: str) -> Settings:
    """The shop's description with another line."""
    path = shop_settings.sources / "shop.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return shop_settings


def suspicions(settings: Settings, path: Path, *rows: str) -> str:
    inspection = check_files([write(path, list(rows))], settings=settings, source="shop").feeds[0]
    return "\n".join(inspection.suspicions)


def test_day_and_month_that_could_be_swapped_are_suspicious(
    shop_settings: Settings, tmp_path: Path
) -> None:
    settings = describe(shop_settings, "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S")
    rows = [line(order=str(i), at=f"0{i}/04/2025 10:00:00") for i in range(1, 6)]
    odd = suspicions(settings, tmp_path / "lines.csv", *rows)
    assert "'%m/%d/%Y %H:%M:%S' both fit all 5 different texts" in odd
    rows.append(line(order="6", at="17/04/2025 10:00:00"))
    assert "both fit" not in suspicions(settings, tmp_path / "lines.csv", *rows)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"customer": "17850.0"}, {"order": "2", "customer": "17850"}], "1 of 2 values of customer_id end in .0"),
        ([{"customer": "Ann@x"}, {"order": "2", "customer": "ann@x"}], "2 values of customer_id; 1 if upper and lower case are the same"),
        ([{"customer": "'00123"}], "1 of 1 values of customer_id begin with a spreadsheet's quote"),
        ([{"customer": "a"}, {"customer": "b"}], "1 order numbers (1001) have lines of several customers"),
        ([{}, {"at": "2026-02-25 10:00:00"}], "or more than 30 days apart"),
        ([{"order": str(i), "quantity": "1", "customer": str(i)} for i in range(20)], "the quantity is 1 in all 20 sales"),
        ([{"order": str(i), "customer": "x" if i else "y"} for i in range(20)], "One customer has 19 of 20 orders (95 %)"),
        ([{"order": str(i), "at": f"2026-01-0{1 + i % 9} 00:00:00"} for i in range(9)], "all 9 different times are midnight"),
        (
            [{"order": f"{m}{i}", "at": f"2026-0{m}-05 10:00:00", "price": "150" if m == 2 else "1.50"} for m in (1, 2) for i in range(5)],
            "the median line of 2026-02 is 300.00 GBP, that of 2026-01 3.00 GBP: a factor of 100",
        ),
    ],
)  # fmt: skip
def test_odd_files_are_told(
    shop_settings: Settings, tmp_path: Path, rows: list[dict[str, str]], sentence: str
) -> None:
    odd = suspicions(shop_settings, tmp_path / "lines.csv", *(line(**row) for row in rows))
    assert sentence.lower() in odd.lower()


def test_files_of_one_name_in_two_folders_are_compared(
    shop_settings: Settings, tmp_path: Path
) -> None:
    files = []
    for folder, price in (("a", "1.50"), ("b", "150")):
        (tmp_path / folder).mkdir()
        rows = [line(order=f"{folder}{i}", price=price) for i in range(5)]
        files.append(write(tmp_path / folder / "lines.csv", rows))
    (lines,) = check_files(files, settings=shop_settings, source="shop").feeds
    assert "a factor of 100" in "\n".join(lines.suspicions)


def test_plain_rows_are_not_suspicious(shop_settings: Settings, tmp_path: Path) -> None:
    rows = [
        line(order=str(i), customer=f"c{i % 9}", quantity=str(1 + i % 3), at=f"2026-01-{10 + i} 10:00:00")
        for i in range(20)
    ]  # fmt: skip
    assert suspicions(shop_settings, tmp_path / "lines.csv", *rows) == ""


def test_a_column_of_other_currencies_is_suspicious(
    shop_settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "lines.csv"
    text = f"{HEADER},money\n{','.join(GOOD)},GBP\n{','.join(('1002', *GOOD[1:]))},JPY\n"
    path.write_text(text, encoding="utf-8")
    inspection = check_files([path], settings=shop_settings, source="shop").feeds[0]
    assert "money names JPY, the source GBP" in "\n".join(inspection.suspicions)


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ('[[feeds.lines.rules]]\nwhen = { state = ["void"] }\nleave_out = true\n', 2),
        ('[[feeds.lines.rules]]\nwhen = { state = "^vo" }\nleave_out = true\n', 3),
    ],
)
def test_a_rule_on_what_only_first_rows_have_is_suspicious(
    shop_settings: Settings, tmp_path: Path, rule: str, count: int
) -> None:
    states = {"1": ("void", "", ""), "2": ("sent", ""), "3": ("void",)}
    rows = [
        f"{','.join((order, *GOOD[1:]))},{state}" for order, of in states.items() for state in of
    ]
    path = tmp_path / "lines.csv"
    path.write_text("\n".join((f"{HEADER},state", *rows)) + "\n", encoding="utf-8")
    settings = describe(shop_settings, "[feeds.products]", rule + "[feeds.products]")
    odd = "\n".join(check_files([path], settings=settings, source="shop").feeds[0].suspicions)
    assert (
        f"state stands on the first row of an order only; {count} further rows do not meet the "
        "rule: add it to fill_down"
    ) in odd
    table = 'table = "order_lines"'
    describe(settings, table, f'{table}\nfill_down = ["state"]')
    odd = "\n".join(check_files([path], settings=settings, source="shop").feeds[0].suspicions)
    assert "fill_down" not in odd


def test_other_days_or_money_than_the_settings_are_told(
    shop_settings: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "lines.csv", [line()])
    calendar = shop_settings.calendar.model_copy(
        update={"timezone": "Europe/London", "currency": "EUR"}
    )
    other = shop_settings.model_copy(update={"calendar": calendar})
    (remark,) = check_files([file], settings=other, source="shop").remarks
    assert "currency is 'GBP', calendar.currency of the settings 'EUR'" in remark
    assert "timezone" not in remark
    same = calendar.model_copy(update={"currency": "GBP"})
    other = shop_settings.model_copy(update={"calendar": same})
    assert check_files([file], settings=other, source="shop").remarks == ()


def test_a_report_is_plain_json(shop_settings: Settings, tmp_path: Path) -> None:
    report = check_files(
        [write(tmp_path / "lines.csv", [line()])], settings=shop_settings, source="shop"
    )
    document = report.to_dict()
    assert document["feeds"][0]["examples"][0]["after"]["order_id"] == GOOD[0]
