"""The columns of the flat views: name, expression, description.

Names follow Kustomer's own Looker model (github.com/kustomer/looker) and github.com/MeltanoLabs/dbt-kustomer, if they
have one; read 2026-11-26. Two kinds of columns are left out because they mislead: `satisfaction` (0 also means unrated)
and every `breachAt` (a deadline, also if it was met).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.models import Table
from kustomer_extract.views.expressions import CREATED, FIRST_DONE, Count, Duration, First, Only, Path, Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.views.expressions import Catalogued

_IN, _RESPONSE, _LEVEL, _SLA = (
    f"attributes.{name}" for name in ("firstMessageIn", "firstResponse", "satisfactionLevel", "sla")
)

_CONVERSATION: Mapping[str, tuple[Catalogued, str]] = {
    "conversation_id": (Path("id"), "Id of the conversation. One row each."),
    "customer_id": (Path("relationships.customer.data.id"), "Id of the customer."),
    "status": (Path("attributes.status"), "open, snoozed or done."),
    "direction": (Path("attributes.direction"), "Who began: in (the customer) or out."),
    "priority": (Path("attributes.priority"), "1 (lowest) to 5 (highest)."),
    "spam": (Path("attributes.spam"), "Marked as spam."),
    "deleted": (Path("attributes.deleted"), "Deleted by a person, and still listed."),
    "channels": (Path("attributes.channels"), "All channels that were used. A conversation with two counts in both."),
    "tags": (Path("attributes.tags"), "Ids of tags."),
    "assigned_teams": (Path("attributes.assignedTeams"), "Ids of the teams that it is assigned to."),
    "assigned_users": (Path("attributes.assignedUsers"), "Ids of the agents that it is assigned to."),
    "team_id": (Only("attributes.assignedTeams"), "The team; NULL unless exactly one is assigned."),
    "user_id": (Only("attributes.assignedUsers"), "The agent; NULL unless exactly one is assigned."),
    "message_count": (Count("attributes.messageCount"), "Messages in both directions."),
    "inbound_message_count": (Count("attributes.inboundMessageCount"), "Messages of the customer."),
    "outbound_message_count": (Count("attributes.outboundMessageCount"), "Messages to the customer."),
    "note_count": (Count("attributes.noteCount"), "Internal notes."),
    "snooze_count": (Count("attributes.snoozeCount"), "How often it was snoozed."),
    "done_count": (Count("attributes.doneCount"), "How often it was marked done."),
    "reopen_count": (Count("attributes.reopenCount"), "How often it was opened again."),
    "created_at": (Path(CREATED), "When it began."),
    "updated_at": (Path("attributes.updatedAt"), "The last change; routing moves it too."),
    "modified_at": (Path("attributes.modifiedAt"), "The last change, routing apart."),
    "imported_at": (Path("attributes.importedAt"), "When it was imported, if it was: its other times may be older."),
    "last_activity_at": (Path("attributes.lastActivityAt"), "The last activity."),
    "sub_status_id": (Path("relationships.subStatus.data.id"), "Id of the sub-status."),
    "queue_id": (Path("relationships.queue.data.id"), "Id of the routing queue."),
    "brand_id": (Path("relationships.brand.data.id"), "Id of the brand."),
    "first_channel": (
        First((f"{_IN}.channel", "attributes.firstMessageOut.channel")),
        "Channel of the customer's first message; of ours where the customer wrote none.",
    ),
    "first_message_in_sent_at": (Path(f"{_IN}.sentAt"), "When the customer's first message was sent."),
    "first_response_sent_at": (Path(f"{_RESPONSE}.sentAt"), "When the first answer was sent."),
    "first_response_created_by": (Path(f"{_RESPONSE}.createdBy"), "Id of the agent who answered first."),
    "first_response_created_by_teams": (Path(f"{_RESPONSE}.createdByTeams"), "Ids of that agent's teams at the time."),
    "first_response_seconds": (
        Seconds((f"{_IN}.createdAt", CREATED), f"{_RESPONSE}.sentAt"),
        "Seconds from the customer's first message to the first answer, nights and weekends included.",
    ),
    "first_response_business_seconds": (
        Duration(f"{_RESPONSE}.businessTime"),
        "The same within business hours, as Kustomer counts it. NULL until its unit is confirmed.",
    ),
    "first_done_at": (Path(FIRST_DONE), "When it was first marked done."),
    "first_done_seconds": (
        Seconds((CREATED,), FIRST_DONE),
        "Seconds from its beginning to the first time it was marked done.",
    ),
    "last_done_at": (
        Path("attributes.lastDone.createdAt"),
        "When it was last marked done; also where it is open again.",
    ),
    "open_business_seconds": (
        Duration("attributes.totalOpen.businessTime"),
        "Seconds of business hours in which it was open. NULL until the unit is confirmed.",
    ),
    "waiting_since": (
        Path("attributes.lastMessageUnrespondedTo.sentAt"),
        "Since when the customer has waited for an answer; NULL if nothing waits.",
    ),
    "satisfaction_level_form": (Path(f"{_LEVEL}.form"), "Id of the survey: joins to satisfaction_id."),
    "satisfaction_level_status": (
        Path(f"{_LEVEL}.status"),
        "scheduled, offered, rated, commented, canceled or unresponded.",
    ),
    "satisfaction_level_rating": (
        Path(f"{_LEVEL}.rating"),
        "What the customer chose on the survey's scale; NULL: unrated.",
    ),
    "satisfaction_level_score": (Path(f"{_LEVEL}.score"), "1 good, 0 bad; NULL: unrated."),
    "satisfaction_level_sent_at": (Path(f"{_LEVEL}.sentAt"), "When the survey was sent."),
    "satisfaction_level_sent_by": (Path(f"{_LEVEL}.sentBy"), "Id of the agent whom the survey is about."),
    "sla_name": (Path(f"{_SLA}.name"), "Name of the service level."),
    "sla_status": (Path(f"{_SLA}.status"), "pending, paused or done."),
    "sla_breached": (Path(f"{_SLA}.breached"), "Whether the service level was missed."),
    "sla_breached_at": (Path(f"{_SLA}.breach.at"), "When it was missed."),
    "loaded_at": (Path("_batch_runtime"), "Start of the run that loaded this row."),
}

_SATISFACTION: Mapping[str, tuple[Catalogued, str]] = {
    "satisfaction_id": (Path("id"), "Id of the survey. One row each."),
    "name": (Path("attributes.name"), "Name of the survey."),
    "form_type": (Path("attributes.formType"), "csat."),
    "enabled": (Path("attributes.enabled"), "Whether it is sent at present."),
    "channel": (Path("attributes.channel"), "Channel on which it is sent."),
    "scale_type": (Path("attributes.scale.type"), "number, emoji or thumb."),
    "scale_options": (Path("attributes.scale.options"), "How many choices its scale has."),
    "rating_prompt": (Path("attributes.ratingPrompt"), "The question above the scale."),
    "created_at": (Path(CREATED), "When it was made."),
    "updated_at": (Path("attributes.updatedAt"), "The last change."),
    "modified_at": (Path("attributes.modifiedAt"), "The last change by a person."),
    "created_by": (Path("relationships.createdBy.data.id"), "Id of the user who made it."),
    "modified_by": (Path("relationships.modifiedBy.data.id"), "Id of the user who changed it last."),
    "loaded_at": (Path("_batch_runtime"), "Start of the run that loaded this row."),
}

COLUMNS: Mapping[Table, Mapping[str, tuple[Catalogued, str]]] = {
    Table.CONVERSATIONS: _CONVERSATION,
    Table.SATISFACTION: _SATISFACTION,
}
"""Table → its columns. The lookup tables have no view, because they are flat enough."""
