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
_LETTERS_OF_A_HAN = 3  # Latin letters that say as much as one Chinese character
_HAN_OF_A_KANA = 5  # Japanese has at least one letter of its own for so many Chinese characters


def language_of(text: str) -> Language:
    """The language that most of a cleaned message is in; of two that weigh the same, Chinese.

    Japanese and Korean count as another script, though the first also writes Chinese characters.

    >>> language_of("质量不错 nice"), language_of("It broke 😡"), language_of("とても良い商品です")
    (<Language.CHINESE: 'zh'>, <Language.ENGLISH: 'en'>, <Language.OTHER: 'other'>)
    >>> language_of("😡 12:30")
    <Language.NONE: 'none'>
    """
    if text.isascii():
        return Language.ENGLISH if _LATIN.search(text) else Language.NONE
    han, latin, other = (len(script.findall(text)) for script in (_HAN, _LATIN, _OTHER))
    if other * _HAN_OF_A_KANA >= han:  # Japanese, or hardly any Chinese in another script
        han, other = 0, other + han
    weights = {
        Language.CHINESE: han * _LETTERS_OF_A_HAN,
        Language.ENGLISH: latin,
        Language.OTHER: other,
    }
    best = max(weights, key=lambda language: weights[language])
    return best if weights[best] else Language.NONE
