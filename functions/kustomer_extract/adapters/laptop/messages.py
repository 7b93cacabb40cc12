"""The messages on a laptop: a list in the same process instead of Pub/Sub."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kustomer_extract.models import Message


class QueuedContinuations:
    """Implements `Continuations`; `bootstrap.run_here` executes the messages.

    Attributes:
        messages: Messages that were published and not yet executed, oldest first.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, message: Message) -> None:
        """Append the message."""
        self.messages.append(message)
