"""What waits for Google waits again when an upgrade brings something more to wait for."""

from __future__ import annotations

import re
from pathlib import Path

INFRA = Path(__file__).parents[2] / "infra"
WRITTEN = "\n".join(path.read_text() for path in sorted(INFRA.glob("*.tf")))


def find_blocks(start: str) -> list[str]:
    """Find the bodies of all blocks that begin with a pattern."""
    return re.findall(rf"^{start} {{\n(.*?)^}}$", WRITTEN, re.MULTILINE | re.DOTALL)


def test_every_pause_is_triggered_by_what_it_waits_for() -> None:
    pauses = find_blocks(r'resource "time_sleep" "\w+"')
    # `depends_on` orders, but a pause that is over is not made again for it.
    waited_for = [set(re.findall(r"\bgoogle_\w+\.\w+", pause.partition("triggers = {")[2])) for pause in pauses]

    assert "google_project_service.enabled" in waited_for[0]
    assert len(pauses) == 3
    assert all(waited_for)
    assert [pause for pause in pauses if "depends_on =" in pause] == []


def test_every_right_of_the_build_and_every_metric_is_waited_for() -> None:
    triggers = " ".join(find_blocks(r'resource "time_sleep" "\w+"'))
    metrics = re.findall(r'^resource "(google_logging_metric)" "(\w+)"', WRITTEN, re.MULTILINE)
    rights = re.findall(r'^resource "(google_\w+_iam_member)" "(build\w*)"', WRITTEN, re.MULTILINE)

    assert (len(metrics), len(rights)) == (3, 3)
    assert [name for name in metrics + rights if ".".join(name) not in triggers] == []


def test_what_is_asked_of_google_is_not_asked_anew_for_every_upgrade() -> None:
    # An answer that waits for a change is unknown in the plan, and what hangs on it is replaced.
    questions = find_blocks(r'data "google_\w+" "\w+"')

    assert questions
    assert [question for question in questions if "depends_on =" in question] == []


def test_what_others_still_need_is_made_before_it_is_taken_away() -> None:
    # Alerts hold on to a channel, and a run needs a key.
    for kind in ("google_monitoring_notification_channel", "google_secret_manager_secret_version"):
        (block,) = find_blocks(rf'resource "{kind}" "\w+"')

        assert "create_before_destroy = true" in block


def test_no_resource_asks_another_for_what_the_variables_say() -> None:
    # A topic or a dashboard that somebody deleted has no id while the plan is made.
    asked = re.findall(r"google_pubsub_topic\.\w+\.id|google_monitoring_dashboard\.\w+\.id", WRITTEN)

    assert asked == ["google_monitoring_dashboard.runs.id"]
    assert "DASHBOARD_URL            = local._dashboards\n" in WRITTEN
