"""What the door needs of a channel that sends one message at a time."""

from typing import Protocol

from retention_ml.actions.outbox.message import ClaimedMessage, Outcome


class Channel(Protocol):
    """A way out of the house.

    `prepare` does all that can go wrong before the receiver has anything, `deliver` hands the
    message over. Between the two the ledger writes down that the try begins.
    """

    name: str
    repeats_safely: bool

    def prepare(self, message: ClaimedMessage) -> Outcome | None:
        """Make ready to hand a message over; how it was refused, None if it was not.

        Raises
        ------
        ChannelError
            No message gets through now.
        """

    def deliver(self, message: ClaimedMessage) -> Outcome:
        """Hand over the message that was prepared; it raises nothing."""

    def close(self) -> None:
        """Leave the receiver."""
