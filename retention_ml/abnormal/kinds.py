"""The kinds of abnormal customers."""

from enum import StrEnum


class Kind(StrEnum):
    """What an abnormal customer probably is."""

    BOT = "bot"
    BRUSHER = "brusher"
    RETURNER = "returner"
    RESELLER = "reseller"


KINDS = tuple(Kind)
MEANINGS = {
    Kind.BOT: "a program that reads the shop",
    Kind.BRUSHER: "fake orders that make a product look popular",
    Kind.RETURNER: "buys in order to send back",
    Kind.RESELLER: "buys to sell on",
}
