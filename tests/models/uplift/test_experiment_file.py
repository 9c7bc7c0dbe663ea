"""Experiments as strangers keep them: what is read, what is left out, what is refused."""

import gzip
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from retention_ml.errors import UsageError
from retention_ml.models.uplift.experiment_file import Experiment, read_experiment

ROWS = 400
Column = Callable[[int], object]


def _columns(**changes: Column | None) -> dict[str, Column]:
    rng = np.random.default_rng(1)
    treated, outcome = rng.random(ROWS) < 0.4, rng.random(ROWS) < 0.3
    age = rng.integers(18, 80, ROWS)
    columns: dict[str, Column | None] = {
        "treated": lambda n: int(treated[n]),
        "bought": lambda n: int(outcome[n]),
        "age": lambda n: age[n],
    }
    return {name: column for name, column in (columns | changes).items() if column}


def _file(folder: Path, delimiter: str = ",", **changes: Column | None) -> Path:
    columns = _columns(**changes)
    lines = [delimiter.join(columns)]
    for n in range(ROWS):
        lines.append(delimiter.join(str(column(n)) for column in columns.values()))
    path = folder / "experiment.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _read(folder: Path, **changes: Column | None) -> Experiment:
    return read_experiment(_file(folder, **changes), treatment="treated", outcome="bought")


def test_numbers_text_booleans_and_days_become_features(tmp_path: Path) -> None:
    experiment = _read(
        tmp_path,
        city=lambda n: ("Rome", "Oslo", "Lima")[n % 3],
        member=lambda n: "true" if n % 2 else "false",
        price=lambda n: f"{n % 17}.5",
        joined=lambda n: f"2024-01-{1 + n % 28:02}",
    )
    sample = experiment.sample
    assert sample.features == (
        "age", "city=Lima", "city=Oslo", "city=Rome", "member", "price", "joined",
    )  # fmt: skip
    assert sample.values.shape == (ROWS, 7)
    assert set(sample.values[:, 4]) == {0.0, 1.0}
    assert np.ptp(sample.values[:, 6]) == 27
    assert sample.is_binary
    assert sample.propensity == pytest.approx(np.full(ROWS, sample.treated.mean()))


def test_what_says_nothing_is_left_out_and_named(tmp_path: Path) -> None:
    experiment = _read(
        tmp_path,
        customer=lambda n: 1_000 + n,
        email=lambda n: f"c{n}@shop.test",
        note=lambda n: f"remark {n % 399}",
        country=lambda _: "IT",
        nothing=lambda _: "",
    )
    assert experiment.sample.features == ("age",)
    assert "country, nothing" in "".join(experiment.remarks)
    assert "customer, email, note" in "".join(experiment.remarks)


def test_an_id_with_an_empty_cell_is_still_left_out(tmp_path: Path) -> None:
    experiment = _read(tmp_path, customer=lambda n: 1_000 + n if n else "")
    assert experiment.sample.features == ("age",)


def test_whole_amounts_of_a_few_customers_are_no_ids(tmp_path: Path) -> None:
    experiment = _read(tmp_path, spent=lambda n: 1_000 + n if n % 4 == 0 else "")
    assert experiment.sample.features == ("age", "spent")


def test_times_that_differ_in_every_row_are_days(tmp_path: Path) -> None:
    experiment = _read(
        tmp_path,
        seen=lambda n: f"2024-01-{1 + n % 28:02} 10:{n // 60:02}:{n % 60:02}",
        born=lambda n: date(1990, 1, 1) + timedelta(days=n),
        now=lambda n: f"2024-01-01 10:{n // 60:02}:{n % 60:02}",
    )
    assert experiment.sample.features == ("age", "seen", "born")
    assert "one value only: now" in "".join(experiment.remarks)


def test_numbers_that_differ_in_every_row_are_features(tmp_path: Path) -> None:
    experiment = _read(tmp_path, score=lambda n: f"{n * 0.37:.4f}5")
    assert experiment.sample.features == ("age", "score")


def test_missing_values_are_missing(tmp_path: Path) -> None:
    experiment = _read(
        tmp_path,
        income=lambda n: ("", "NA", "null", "1200", "1300.5")[n % 5],
        city=lambda n: ("", "Oslo", "Lima")[n % 3],
    )
    sample = experiment.sample
    assert sample.features == (
        "age", "income", "city=(missing)", "city=Lima", "city=Oslo",
    )  # fmt: skip
    assert np.isnan(sample.values[:, 1]).mean() == pytest.approx(0.6, abs=0.01)
    assert not np.isnan(sample.values[:, 2:]).any()


def test_rows_without_treatment_or_outcome_are_left_out_and_counted(tmp_path: Path) -> None:
    columns = _columns()
    experiment = _read(
        tmp_path,
        treated=lambda n: "" if n < 3 else columns["treated"](n),
        bought=lambda n: "NA" if n in (2, 7) else columns["bought"](n),
    )
    assert len(experiment.sample) == ROWS - 4
    assert any("4 of 400 rows" in remark for remark in experiment.remarks)


@pytest.mark.parametrize("blank", ["  ", "-", " ? ", "#N/A"])
def test_a_cell_without_a_treatment_is_no_control(tmp_path: Path, blank: str) -> None:
    truth = _columns()["treated"]
    experiment = _read(
        tmp_path, treated=lambda n: blank if n < 3 else "mail" if truth(n) else "none at all"
    )
    assert len(experiment.sample) == ROWS - 3


@pytest.mark.parametrize(
    ("control", "treated"),
    [
        ("0", "1"),
        ("false", "true"),
        ("No E-Mail", "Womens E-Mail"),
        ("control", "email"),
        ("holdout", "exposed"),
        ("untreated", "treated"),
        ("zzz_control", "aaa"),
        ("A", "B"),
        ("1", "2"),
        ("2", "10"),
        ("0.0", "1.0"),
        ("nein", "ja"),
        ("kein Brief", "Brief"),
        ("non", "oui"),
        ("no", "yes"),
        ("0", "mail"),
    ],
)
def test_which_value_is_treated_is_seen_and_told(
    tmp_path: Path, control: str, treated: str
) -> None:
    truth = _columns()["treated"]
    experiment = _read(tmp_path, treated=lambda n: treated if truth(n) else control)
    assert experiment.sample.treated.sum() == sum(bool(truth(n)) for n in range(ROWS))
    assert "counts as treated" in experiment.remarks[0]


def test_the_treated_value_can_be_named(tmp_path: Path) -> None:
    truth = _columns()["treated"]
    path = _file(tmp_path, treated=lambda n: "red" if truth(n) else "white")
    guessed = read_experiment(path, treatment="treated", outcome="bought").sample.treated
    named = read_experiment(path, treatment="treated", outcome="bought", treated="red")
    assert named.sample.treated.sum() == (~guessed).sum()


def test_a_guess_is_called_one_and_says_how_to_turn_it(tmp_path: Path) -> None:
    truth = _columns()["treated"]
    guess = _read(tmp_path, treated=lambda n: "B" if truth(n) else "A").remarks[0]
    assert guess == (
        "treated = B counts as treated, A as left alone (a guess, as neither says so: pass "
        "--treated 'A' if it is the other way round)."
    )
    in_words = _read(tmp_path, treated=lambda n: "mail" if truth(n) else "no mail").remarks[0]
    assert "guess" not in in_words
    assert "guess" not in _read(tmp_path).remarks[0]


@pytest.mark.parametrize(
    ("control", "treated", "named"),
    [
        ("no", "yes", "yes"),
        ("yes", "no", "no"),
        ("0", "1", "1.0"),
        ("1.0", "0.0", "0"),
        ("2", "10", "10"),
        ("0.1000001", "0.1000002", "0.1000002"),
        ("ctrl", "  mail  ", "mail"),
    ],
)
def test_the_treated_value_is_named_as_the_file_writes_it(
    tmp_path: Path, control: str, treated: str, named: str
) -> None:
    truth = _columns()["treated"]
    path = _file(tmp_path, treated=lambda n: treated if truth(n) else control)
    experiment = read_experiment(path, treatment="treated", outcome="bought", treated=named)
    assert experiment.sample.treated.sum() == sum(bool(truth(n)) for n in range(ROWS))
    assert f"treated = {treated.strip()} counts" in experiment.remarks[0]


def test_several_texts_of_one_number_are_one_value(tmp_path: Path) -> None:
    truth = _columns()["treated"]
    experiment = _read(tmp_path, treated=lambda n: ("1", "1.0")[n % 2] if truth(n) else "0")
    assert experiment.sample.treated.sum() == sum(bool(truth(n)) for n in range(ROWS))


def test_a_file_whose_name_is_a_pattern_is_read_itself(tmp_path: Path) -> None:
    columns = _columns()
    other = _file(tmp_path, treated=lambda n: 1 - int(columns["treated"](n)))  # type: ignore[call-overload]
    other.rename(tmp_path / "exp1.csv")
    path = _file(tmp_path).rename(tmp_path / "exp[1].csv")
    sample = read_experiment(path, treatment="treated", outcome="bought").sample
    assert sample.treated.sum() == sum(bool(columns["treated"](n)) for n in range(ROWS))


@pytest.mark.parametrize("beginning", ["\ufeff", "sep=;\n", "Export of May\n\n"])
def test_a_mark_or_a_title_before_the_header_is_passed_over(tmp_path: Path, beginning: str) -> None:
    path = _file(tmp_path, delimiter=";")
    plain = read_experiment(path, treatment="treated", outcome="bought").sample
    path.write_text(beginning + path.read_text(encoding="utf-8"), encoding="utf-8")
    sample = read_experiment(path, treatment="treated", outcome="bought").sample
    assert sample.features == plain.features
    assert (sample.values == plain.values).all()


def test_words_that_differ_in_capitals_are_one_value(tmp_path: Path) -> None:
    truth = _columns()["treated"]
    experiment = _read(
        tmp_path, treated=lambda n: ("Mail", "mail")[n % 2] if truth(n) else "Control"
    )
    assert experiment.sample.treated.sum() == sum(bool(truth(n)) for n in range(ROWS))


def test_what_is_infinite_is_missing(tmp_path: Path) -> None:
    columns = _columns()
    experiment = _read(
        tmp_path,
        score=lambda n: "-inf" if n == 3 else "1e999" if n == 4 else f"{n * 0.37:.4f}5",
        bought=lambda n: "Infinity" if n == 9 else columns["bought"](n),
    )
    assert np.isnan(experiment.sample.values[:, 1]).sum() == 2
    assert "1 of 400 rows have no treated or no bought" in "".join(experiment.remarks)


def test_huge_numbers_and_columns_without_a_name_are_features(tmp_path: Path) -> None:
    path = _file(tmp_path, price=lambda n: f"{n % 50}.37e300", other=lambda n: n % 7)
    path.write_text(path.read_text().replace(",other", ",", 1))
    sample = read_experiment(path, treatment="treated", outcome="bought").sample
    assert len(sample.features) == 3
    assert np.isfinite(sample.values).all()


def test_a_gzip_file_and_another_delimiter_read_the_same(tmp_path: Path) -> None:
    plain = read_experiment(_file(tmp_path), treatment="treated", outcome="bought").sample
    content = _file(tmp_path, delimiter=";").read_bytes()
    packed = tmp_path / "packed.bin"
    packed.write_bytes(gzip.compress(content))
    other = read_experiment(packed, treatment="treated", outcome="bought").sample
    assert (other.values == plain.values).all()
    assert (other.outcome == plain.outcome).all()


def test_the_order_of_lines_changes_nothing(tmp_path: Path) -> None:
    path = _file(tmp_path)
    before = read_experiment(path, treatment="treated", outcome="bought").sample
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(lines)]) + "\n")
    after = read_experiment(path, treatment="treated", outcome="bought").sample
    for name in ("values", "treated", "outcome"):
        assert (getattr(before, name) == getattr(after, name)).all()


def test_propensities_are_a_column_or_a_number(tmp_path: Path) -> None:
    path = _file(tmp_path, p=lambda n: (0.3, 0.5)[n % 2])
    columns = {"treatment": "treated", "outcome": "bought"}
    by_row = read_experiment(path, **columns, propensity="p").sample
    assert set(by_row.propensity) == {0.3, 0.5}
    assert by_row.features == ("age",)
    assert set(read_experiment(path, **columns, propensity="0.4").sample.propensity) == {0.4}


def test_an_outcome_is_money_or_two_words(tmp_path: Path) -> None:
    money = _read(tmp_path, bought=lambda n: f"{(n % 3) * 9.9:.2f}").sample
    assert not money.is_binary
    words = _read(tmp_path, bought=lambda n: "yes" if n % 3 else "no").sample
    assert words.outcome.sum() == sum(bool(n % 3) for n in range(ROWS))


@pytest.mark.parametrize(
    ("other", "first", "value", "remark"),
    [
        ("1,234", "7,5", 1.234, ""),
        ("1,234", "12", 1234, "numbers such as 1,234 may mean 1.234; 1,234 is read as 1234"),
        ("1,234.50", "12.5", 1234.5, ""),
        ("1,234,567", "890", 1_234_567, ""),
        ("1.234,50", "0,00", 1234.5, ""),
    ],
)
def test_a_comma_is_what_the_column_makes_of_it(
    tmp_path: Path, other: str, first: str, value: float, remark: str
) -> None:
    path = _file(tmp_path, delimiter=";", bought=lambda n: other if n % 2 else first)
    experiment = read_experiment(path, treatment="treated", outcome="bought")
    assert value in set(experiment.sample.outcome)
    assert any(each.startswith("bought: ") for each in experiment.remarks) == bool(remark)
    assert remark in "".join(experiment.remarks)
    as_feature = read_experiment(
        _file(tmp_path, delimiter=";", price=lambda n: other if n % 2 else first),
        treatment="treated",
        outcome="bought",
    )
    assert as_feature.sample.features == ("age", "price")
    assert value in set(as_feature.sample.values[:, 1])


@pytest.mark.parametrize(
    ("worth", "other"),
    [("ja", "nein"), ("gekauft", "nicht gekauft"), ("oui", "non"), ("si", "aspetta")],
)
def test_words_of_other_languages_say_yes_and_no(tmp_path: Path, worth: str, other: str) -> None:
    experiment = _read(tmp_path, bought=lambda n: worth if n % 4 == 0 else other)
    assert experiment.sample.outcome.sum() == ROWS / 4
    assert f"bought = {worth} counts as 1." in experiment.remarks


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"treated": lambda n: n % 3}, "3 different values ('0', '1', '2'); expected two"),
        (
            {"treated": lambda n: 1 if n < 150 else ""},
            "1 different value ('1'); expected two, such as 0 and 1. 250 of 400 rows are empty",
        ),
        ({"treated": lambda _: ""}, "0 different values (none)"),
        ({"treated": lambda _: 1}, "such as 0 and 1. Add the customers of the other arm."),
        ({"treated": lambda n: int(n < 5)}, "has 5 treated and 395 other rows"),
        ({"bought": lambda _: 0}, "is 0 in every row"),
        ({"bought": lambda n: f"word {n}"}, "holds text in 400 variants"),
        (
            {"bought": lambda n: ("kept", "lost")[n % 2]},
            "holds 'kept', 'lost', and neither says which is worth money",
        ),
        ({"age": None}, "no feature that differs"),
        (
            {"age": None, "city": lambda n: f"city {n % 200}", "country": lambda _: "IT"},
            "one value only: country. Left out, as different in (nearly) every row: city",
        ),
        ({"bought": lambda n: ("1e160", "0")[n % 2]}, "goes up to 1e+160; expected amounts of at"),
        (
            {"treated": lambda n: n % 2, "bought": lambda n: "" if n % 2 else n % 4},
            "has 0 treated and 200 other rows with 'treated' and 'bought'",
        ),
        ({"treated": None}, "has no column 'treated' (--treatment); its columns are 'bought'"),
        ({"bought": None}, "has no column 'bought' (--outcome)"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Column | None], says: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        _read(tmp_path, **changes)
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("propensity", "says"),
    [
        ("1.0", "not above 0 and below 1 in 400 of 400 rows"),
        ("nan", "not above 0 and below 1"),
        ("-3", "not above 0 and below 1"),
        ("p", "'p' of experiment.csv is not above 0 and below 1 in 200 of 400"),
        ("words", "not above 0 and below 1 in 400"),
        ("half", "neither a column"),
        ("1e-12", "nearer to 0 or 1 than 0.000001 in 400 of 400 rows"),
        ("inf", "not above 0 and below 1"),
        ("gaps", "'gaps' of experiment.csv is not above 0 and below 1 in 200 of 400"),
        ("treated", "is the treatment or the outcome"),
    ],
)
def test_a_propensity_must_leave_something_to_the_lot(
    tmp_path: Path, propensity: str, says: str
) -> None:
    path = _file(
        tmp_path,
        p=lambda n: (0.5, 1.0)[n % 2],
        gaps=lambda n: ("nan", 0.5)[n % 2],
        words=lambda n: f"w{n % 2}",
    )
    with pytest.raises(UsageError) as refusal:
        read_experiment(path, treatment="treated", outcome="bought", propensity=propensity)
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; expected a header"),
        (b"\xef\xbb\xbf", "is empty; expected a header"),
        (b"\n \r\n" * 40_000, "is empty; expected a header"),
        (gzip.compress(b""), "is empty; expected a header"),
        (b"# export\ntreated,bought,age\n" + b"1,0,1\n0,1,2\n" * 60, "has lines above its header"),
        (b"treated,bought,age\n" + b"1,0,30\n" * 50 + b"1,2,3,4\n", "more columns than its header"),
        (b"treated,bought,age\n", "has a header and no rows"),
        (b"\x1f\x8bnot gzip", "cannot be read as a delimited text file"),
        (b"\x00\x01\x02\x03" * 50, "has lines above its header"),
        (b"treated bought age\n" + b"1 0 30\n" * 50 + b"x\n", "has one column"),
        (b"PAR1" + bytes(50), "is a parquet file. Save it as delimited text"),
        (b"PK\x03\x04" + bytes(50), "is a workbook or a zip file"),
        ("treated,bought\n1,0\n".encode("utf-16"), "is UTF-16 text"),
        ("treated,bought,city\n1,0,Köln\n".encode("latin-1"), "it is not UTF-8"),
        (b"treated,bought,age\n" + b"1,0,30\n" * 50 + b"1,2\n", "its rows do not all have"),
        (b"treated,bought,age,Age\n1,0,30,31\n", "more than one column 'age', capitals aside"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "experiment.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"experiment\.csv") as refusal:
        read_experiment(path, treatment="treated", outcome="bought")
    assert says in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.csv cannot be read"):
        read_experiment(tmp_path / "missing.csv", treatment="treated", outcome="bought")


def test_treatment_and_outcome_are_two_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both name 'treated'"):
        read_experiment(_file(tmp_path), treatment="treated", outcome="treated")
