"""Encodings: any text codec is read; a line that is no text costs only itself; wrong ones are named."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers import csv_reader, encodings, readers
from retention_ml.errors import FileRefused

COLUMNS = {"customer_id": "who", "event_at": "at", "event_type": "what", "product_id": "name"}
HEAD = "who,at,what,name"


def feed_of(**more: Any) -> Any:
    feed = {"files": ["*"], "table": "events", "columns": COLUMNS, **more}
    source = {"title": "t", "timezone": "UTC", "currency": "EUR", "feeds": {"events": feed}}
    return Source.model_validate({"name": "shop", **source}).feeds["events"]


def read(path: Path, **more: Any) -> tuple[dict[int, str], dict[int, str], list[bytes]]:
    """The names of products by line number, the reasons by line number, the bytes of all rows."""
    names: dict[int, str] = {}
    reasons: dict[int, str] = {}
    raws: list[bytes] = []
    for chunk in readers.open_file(path, feed_of(**more)).chunks:
        numbers = chunk.rows["__line_number"].to_pylist()
        names |= dict(zip(numbers, chunk.rows["name"].to_pylist(), strict=True))
        reasons |= {reject.line_number: str(reject.reason) for reject in chunk.rejects}
        raws += chunk.raw(range(len(numbers)))
    return names, reasons, raws


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp932", "マグカップ ソ表能"),
        ("shift_jis", "ソ"),
        ("euc_jp", "急須"),
        ("iso2022_jp", "マグカップ"),
        ("gb18030", "蓝色马克杯𠀀"),
        ("big5", "茶壺功"),
        ("cp949", "머그컵"),
        ("cp1251", "Кружка"),
        ("koi8-r", "Чайник"),
        ("iso-8859-15", "Becher 5€"),
        ("utf-16", "Größe 𠀀"),
        ("utf-16-be", "ਊഊ"),
        ("utf-32", "Größe"),
        ("utf-8-sig", "Größe"),
        ("utf-7", "Größe"),
        ("cp500", "Grosse"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "|"])
def test_any_text_codec_is_read_and_its_rows_can_be_read_again(
    tmp_path: Path, encoding: str, name: str, delimiter: str
) -> None:
    path = tmp_path / "a.csv"
    lines = [
        HEAD,
        f"c1,2025-01-05,view,{name}",
        f'c2,2025-01-05,view,"{name}\n{name}"',
        "c3,x,view,plain",
    ]
    text = "\r\n".join(lines).replace(",", delimiter) + "\r\n"
    path.write_bytes(text.encode(encoding))
    names, reasons, raws = read(path, encoding=encoding, delimiter=delimiter)
    assert (names, reasons) == ({2: name, 3: f"{name}\n{name}", 5: "plain"}, {})
    again = readers.open_rows(
        list(enumerate(raws)), HEAD.split(","), feed_of(encoding=encoding, delimiter=delimiter)
    )
    assert sorted(next(again.chunks).rows["name"].to_pylist()) == sorted(names.values())


def test_the_order_of_bytes_is_found_without_a_mark_and_remembered_in_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding in ("utf-16-le", "utf-16-be"):
        path.write_bytes(f"{HEAD}\nc1,2025-01-05,view,ü\n".encode(encoding))
        names, _, raws = read(path, encoding="utf-16")
        assert names == {2: "ü"}
        again = readers.open_rows([(2, raws[0])], HEAD.split(","), feed_of(encoding="utf-16"))
        assert next(again.chunks).rows["name"].to_pylist() == ["ü"]


def test_a_line_that_is_no_text_costs_only_itself_and_is_read_when_the_encoding_is_corrected(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    rows = [f"c1,2025-01-05,view,{name}".encode("cp932") for name in ("マグ", "急須", "皿")]
    rows[1] = "c1,2025-01-05,view,é".encode("cp1252")
    path.write_bytes(b"\n".join([HEAD.encode(), *rows, b""]))
    names, reasons, _ = read(path, encoding="cp932")
    assert (names, reasons) == ({2: "マグ", 4: "皿"}, {3: "bad_encoding"})
    (chunk,) = readers.open_file(path, feed_of(encoding="cp932")).chunks
    assert chunk.rejects[0].raw == rows[1]
    again = readers.open_rows([(3, rows[1])], HEAD.split(","), feed_of(encoding="cp1252"))
    assert next(again.chunks).rows["name"].to_pylist() == ["é"]


@pytest.mark.parametrize(
    ("encoding", "text", "declared", "named"),
    [
        ("utf-8", "Größe", "cp1252", "utf-8"),
        ("utf-8", "マグカップ", "cp932", "utf-8"),
        ("utf-8-sig", "plain", "cp1252", "utf-8"),
        ("utf-16", "plain", "utf-8", "utf-16"),
        ("utf-16-le", "plain", "cp1252", "utf-16-le"),
        ("utf-8", "plain", "utf-16", "utf-8"),
        ("cp932", "マグカップ、急須", "cp1252", "cp932"),
        ("euc_jp", "マグカップ、急須", "iso-8859-1", "euc_jp"),
        ("cp949", "파란 머그컵과 접시", "cp1252", "cp949"),
        ("gb18030", "蓝色马克杯 大号茶壶", "cp1252", "gb18030"),
        ("cp1251", "Кружка синяя, чайник большой", "cp1252", "cp1251"),
        ("koi8_r", "Кружка синяя, чайник большой", "iso-8859-1", "koi8_r"),
        ("cp866", "Кружка синяя, чайник большой", "cp1252", "cp866"),
    ],
)
def test_a_file_under_a_wrong_declaration_is_refused_with_the_right_one(
    tmp_path: Path, encoding: str, text: str, declared: str, named: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f'{HEAD}\nc1,2025-01-05,view,"{text}"\n'.encode(encoding))
    with pytest.raises(FileRefused, match=f'encoding = "{named}"') as caught:
        read(path, encoding=declared)
    assert caught.value.reason_code in ("wrong_encoding", "utf_16")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Café crème à l’été, «Noël» — œuvre", "cp1252"),
        ("it’s “Hello” – ’s", "cp1252"),
        ("ÀÉÎÕÜ ÇA ÜBER", "iso-8859-1"),
        ("Crème brûlée;1\u00a0104,50\n" * 12, "cp1252"),
        ("Tasse;2\u00a0999,00\n" * 12, "iso-8859-1"),
        ("Mug;¥100\n" * 12, "cp1252"),
        ("Glem ikke å ringe\n" * 12, "cp1252"),
        ("Zażółć gęślą jaźń, Łódź", "cp1250"),
        ("Çay bardağı, ürün adı", "cp1254"),
        ("Κούπα μπλε, τσαγιέρα", "cp1253"),
        ("Кружка синяя", "cp1251"),
        ("ｱｲｳ", "cp932"),
        ("联通", "gb18030"),
    ],
)
def test_a_right_declaration_is_never_contradicted(text: str, encoding: str) -> None:
    codec = encodings.find_codec(encoding)
    assert encodings.contradiction(text.encode(encoding), codec) is None


def test_a_header_in_another_encoding_is_refused_with_the_likely_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEAD},größe\n".encode("cp1252"))
    with pytest.raises(FileRefused, match=r"no utf-8 text\. It may be cp1252"):
        read(path)


@pytest.mark.parametrize("name", ["base64", "rot13", "no-such"])
def test_what_is_no_text_codec_has_none(name: str) -> None:
    with pytest.raises(LookupError):
        encodings.find_codec(name)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text('aé,"ソ表\r', max_size=6), min_size=1, max_size=12),
    st.sampled_from(["cp932", "gb18030", "utf-16-le", "utf-16-be", "utf-8", "utf-32"]),
    st.binary(max_size=3),
)
def test_delivered_bytes_are_found_again_by_line(
    texts: list[str], encoding: str, damage: bytes
) -> None:
    raws = [text.replace("\r", "").encode(encoding, "ignore") for text in texts]
    codec = encodings.find_codec(encoding, b"".join(raws)[:4])
    raws = [encodings.without_mark(raw, codec) for raw in raws]
    if codec.unit == 1 and b"\n" not in damage:
        raws[0] += damage.replace(b"\r", b"")
    end = "\n".encode(codec.name)
    lines = encodings.lines_of(end.join(raws) + end, codec, "\n", is_last=True)
    at = 0
    for raw, utf8 in zip(raws, lines.utf8.split(b"\n"), strict=False):
        assert lines.raw(at, at + len(utf8)) == (codec.mark + raw if codec.unit > 1 else raw)
        at += len(utf8) + 1


def test_small_blocks_of_two_byte_letters_give_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    lines = [HEAD, *(f'c{i},2025-01-05,view,"ソ\n表{i}"' for i in range(200))]
    monkeypatch.setattr(csv_reader, "BLOCK_BYTES", 500)
    monkeypatch.setattr("retention_ml.deliveries.unpacking._PIECE", 97)
    for encoding in ("cp932", "utf-16"):
        path.write_bytes("\n".join(lines).encode(encoding))
        names, reasons, _ = read(path, encoding=encoding)
        assert list(names.values()) == [f"ソ\n表{i}" for i in range(200)]
        assert list(names) == list(range(2, 402, 2))
        assert not reasons
