"""What customers of a simulated shop write: about something, and as they rated it."""

from itertools import chain

from retention_ml.simulate.seasons import Integers

# What each text is about, and the text.
_PLEASED = (
    ("praise", "Lovely, thank you"),
    ("praise", "Genau wie beschrieben, sehr schön"),
    ("praise", "非常满意，下次还会再来"),
    ("praise", "Would buy again"),
    ("praise", "做工精致，孩子特别喜欢"),
    ("delivery", "Came two days early"),
    ("price", "Great value for money"),
    ("service", "Very friendly help on the phone"),
)
_LUKEWARM = (
    ("other", "It is ok"),
    ("size", 'Said "large", came small'),
    ("delivery", "Arrived late, but fine"),
    ("other", "一般般"),
    ("price", "A bit expensive for what it is"),
    ("size", "尺码偏小，建议买大一号"),
    ("delivery", "物流有点慢"),
    ("other", "Not used yet"),
)
_ANNOYED = (
    ("damage", "Broken on arrival"),
    ("damage", "打开一看已经碎了"),
    ("wrong_item", "Not what I ordered"),
    ("size", "Far too small, cannot wear it"),
    ("delivery", "Waited three weeks for this parcel"),
    ("service", "客服一直不回消息"),
    ("refund", "Still no refund"),
    ("price", "Charged twice for one order"),
)
_MOODS = (_ANNOYED, _LUKEWARM, _PLEASED)
TEXTS_OF_A_MOOD = 8

TOPICS: tuple[str, ...] = ("none", *(topic for topic, _ in chain(*_MOODS)))
"""What the text of each number is about; `none` is no text."""
COMMENTS: tuple[str, ...] = ("", *(text for _, text in chain(*_MOODS)))
"""The texts by number."""


def numbers(rating: Integers, variant: Integers) -> Integers:
    """The text of each rating (1 to 5): annoyed up to 2, lukewarm at 3, pleased from 4 on.

    `variant` chooses among the texts of a mood; from `TEXTS_OF_A_MOOD` on there is no text.
    """
    mood = (rating > 2).astype(rating.dtype) + (rating > 3)
    return (1 + mood * TEXTS_OF_A_MOOD + variant) * (variant < TEXTS_OF_A_MOOD)
