"""The encoding of a text, by its marks and by the letters that each reading would give."""

import codecs
import re
import unicodedata
from typing import NamedTuple

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Readings that two bytes a letter allow, and those of one byte; the first of equals is preferred.
_TWO_BYTES = ("cp932", "euc_jp", "cp949", "gb18030", "big5")
_ONE_BYTE = ("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "iso-8859-15")
_FOREIGN = re.compile(r"[^\x00-\x7f\ufffd]")
# Letters that are common in what shops write, by the script that tells readings apart.
_SIMPLIFIED = frozenset("订单号商品数量价金额客户日期时间的名称付款状态已完成编码元件下会员总")
_TRADITIONAL = frozenset("訂單號商品數量價金額客戶日期時間的名稱付款狀態已完成編碼元件下會員總")
_JAPANESE = frozenset(
    "注文番号日時購入者商品名数量単価小計合計送料状況店舗金額価格顧客様氏住所電話郵便決済発送済"
)
_WESTERN = frozenset("àâäáãåæçéèêëíìîïñóòôöõøœúùûüÿßÀÂÄÁÃÅÆÇÉÈÊËÍÎÏÑÓÔÖÕØŒÚÙÛÜ€£°ºª«»–—’‘“”…·")
_CENTRAL = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰöüäÖÜÄßăâîșțşţ€–—„”")
_TURKISH = frozenset("ğĞıİşŞçÇöÖüÜâ")
_LATIN = {"cp1250": _CENTRAL, "cp1254": _TURKISH}
_OWN_SCRIPT = {"cp1251": "CYRILLIC", "cp1253": "GREEK"}


class Encoding(NamedTuple):
    """A codec's name, and why it was chosen; no reason where there was no choice."""

    name: str
    reason: str = ""


def guess_encoding(head: bytes) -> Encoding:
    """The likeliest encoding of the beginning of a file.

    Parameters
    ----------
    head : bytes
        Some kilobytes; the last character may be cut.

    Examples
    --------
    >>> guess_encoding("Größe;Menge".encode("cp1252")).name
    'cp1252'
    >>> guess_encoding("商品名,マグカップ".encode("cp932")).name
    'cp932'
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name, "a byte order mark says so" if name != "utf-8" else "")
    if (utf_16 := _utf_16_without_mark(head)) is not None:
        return Encoding(utf_16, "every other byte is zero")
    if head.isascii():
        return Encoding("utf-8")
    if _decoded(head, "utf-8") is not None:
        return Encoding("utf-8", "valid, and has letters beyond ASCII")
    scores = {name: _plausibility(head, name) for name in (*_TWO_BYTES, *_ONE_BYTE)}
    best = max(scores, key=scores.__getitem__)
    others = [name for name, score in scores.items() if name != best and score >= scores[best]]
    doubt = f"; {', '.join(others)} read the same" if others else ""
    return Encoding(best, f"not utf-8; the letters make sense so{doubt}. Look at a few names")


def _utf_16_without_mark(head: bytes) -> str | None:
    pairs = head[: len(head) // 2 * 2]
    if len(pairs) < 8 or b"\0" not in pairs:
        return None
    even, odd = pairs[0::2].count(0), pairs[1::2].count(0)
    if odd > 0.6 * len(pairs) / 2 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * len(pairs) / 2 and odd == 0 else None


def _decoded(head: bytes, name: str) -> str | None:
    """The text; None where more than a stray byte is none. A last character may be cut."""
    text = codecs.getincrementaldecoder(name)("replace").decode(head)
    invalid = text.count("\ufffd")
    return None if invalid > 0.01 * len(_FOREIGN.findall(text)) + 1 else text


def _plausibility(head: bytes, name: str) -> float:
    """The share of letters beyond ASCII that make sense in a reading; -1 where it is none."""
    text = _decoded(head, name)
    if text is None:
        return -1.0
    foreign = "".join(_FOREIGN.findall(text))
    if not foreign:
        return -1.0
    if name in _TWO_BYTES:
        return _plausibility_of_two_bytes(foreign, name)
    return sum(_fits(text, name)) / len(foreign)


def _plausibility_of_two_bytes(text: str, name: str) -> float:
    """Kana for Japanese, Hangul for Korean, the commonest signs for Chinese."""
    blocks = [unicodedata.name(letter, "").split(" ")[0] for letter in text]
    count = len(text)
    ideographs, kana = blocks.count("CJK"), blocks.count("HIRAGANA") + blocks.count("KATAKANA")
    wide = blocks.count("IDEOGRAPHIC") + blocks.count("FULLWIDTH")
    if name in ("cp932", "euc_jp"):
        # Half-width katakana are what other encodings look like in this one.
        common = sum(letter in _JAPANESE for letter in text)
        return (kana + 0.5 * wide + 0.4 * ideographs + 0.5 * common) / count
    if name == "cp949":
        # Its rarer syllables are what other encodings look like in this one.
        hangul = [letter for letter, block in zip(text, blocks, strict=True) if block == "HANGUL"]
        return sum(len(letter.encode("euc_kr", "ignore")) == 2 for letter in hangul) / count
    usual = _SIMPLIFIED if name == "gb18030" else _TRADITIONAL
    return (0.4 * ideographs + 0.5 * sum(letter in usual for letter in text)) / count


def _fits(text: str, name: str) -> list[bool]:
    """Of each letter beyond ASCII whether it is one of the script and has its like beside it."""
    fits = []
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if letter.isascii() or letter == "\ufffd":
            continue
        block = unicodedata.name(letter, "").split(" ")[0]
        is_cased = not (letter.isupper() and before.islower())
        if name in _OWN_SCRIPT:
            is_word = block == _OWN_SCRIPT[name] and not (before.isascii() and before.isalpha())
            fits.append(is_word and is_cased)
        else:
            # A Latin word has plain letters too; what has none are two bytes a letter.
            is_alone = before.isascii() or after.isascii()
            fits.append(is_alone and is_cased and letter in _LATIN.get(name, _WESTERN))
    return fits
