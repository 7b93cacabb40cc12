"""What a laptop has instead of Pub/Sub: a run's own messages, delivered in the same process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kustomer_extract.models import Message


class QueuedContinuations:
    """Implements `Continuations`: whoever runs in this process takes the message next.

    Attributes:
        messages: Published and not yet taken, the oldest first.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, message: Message) -> None:
        """Keep the message."""
        self.messages.append(message)
