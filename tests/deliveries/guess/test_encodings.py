"""The encoding of a header that has hardly any text in it."""

import pytest

from retention_ml.deliveries.guess.samples.encodings import guess_encoding


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("商品名,マグカップ", "cp932"),
        ("注文番号,注文日時,購入者番号", "cp932"),
        ("注文番号,お名前", "euc_jp"),
        ("주문번호,상품명,수량,가격,고객", "cp949"),
        ("订单号,商品名称,数量", "gb18030"),
        ("訂單號,商品名稱,數量", "big5"),
        ("Größe;Menge", "cp1252"),
        ("Prix 12,50 €;Désignation", "cp1252"),
        ("Číslo objednávky;Množství", "cp1250"),
        ("номер заказа;ПОЛЬЗОВАТЕЛЬ", "cp1251"),
        ("κωδικός παραγγελίας", "cp1253"),
        ("注文番号,Größe", "utf-8"),
    ],
)
def test_a_few_words_tell_their_encoding(text: str, name: str) -> None:
    assert guess_encoding(text.encode(name)).name == name
