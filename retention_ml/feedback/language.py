"""The language of a message by the script of its letters."""

import re
from enum import StrEnum


class Language(StrEnum):
    """What a message is read as."""

    CHINESE = "zh"
    ENGLISH = "en"  # any text in Latin letters
    OTHER = "other"  # another script
    NONE = "none"  # no letters


_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER = re.compile(
    "[^\\W\\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]"
)
_KANA_OR_HANGUL = (
    "\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff"
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
)
_KANA = re.compile(f"[{_KANA_OR_HANGUL}]")
_KANA_RUN = re.compile(f"[{_KANA_OR_HANGUL}][{_KANA_OR_HANGUL}\u30fc]")
_KANA_MIN = 3  # single ones: a の or the arms of a kaomoji are no Japanese
_LETTERS_OF_A_HAN = 3  # Latin letters that say as much as one Chinese character
_HAN_OF_A_KANA = 5  # Japanese has at least one kana for so many Chinese characters


def language_of(text: str) -> Language:
    """The language that most of a cleaned message is in; of two that weigh the same, Chinese.

    Japanese and Korean count as another script, though they also write Chinese characters: by two
    kana or hangul together, or three apart. Letters of a kaomoji leave a Chinese message Chinese.

    >>> language_of("质量不错 nice"), language_of("It broke 😡"), language_of("とても良い商品です")
    (<Language.CHINESE: 'zh'>, <Language.ENGLISH: 'en'>, <Language.OTHER: 'other'>)
    >>> language_of("😡 12:30")
    <Language.NONE: 'none'>
    """
    if text.isascii():
        return Language.ENGLISH if _LATIN.search(text) else Language.NONE
    han, latin, other = (len(script.findall(text)) for script in (_HAN, _LATIN, _OTHER))
    if _is_japanese_or_korean(text, han):
        han, other = 0, other + han
    weights = {
        Language.CHINESE: han * _LETTERS_OF_A_HAN,
        Language.ENGLISH: latin,
        Language.OTHER: other,
    }
    best = max(weights, key=lambda language: weights[language])
    return best if weights[best] else Language.NONE


def _is_japanese_or_korean(text: str, han: int) -> bool:
    kana = len(_KANA.findall(text))
    return kana * _HAN_OF_A_KANA >= han and (kana >= _KANA_MIN or bool(_KANA_RUN.search(text)))
