"""The pauses in infra/, and the order in which resources are created and destroyed."""

from __future__ import annotations

import re
from pathlib import Path

INFRA = Path(__file__).parents[2] / "infra"
WRITTEN = "\n".join(path.read_text() for path in sorted(INFRA.glob("*.tf")))


def find_blocks(start: str) -> list[str]:
    """Find the bodies of all blocks whose first line matches a pattern."""
    return re.findall(rf"^{start} {{\n(.*?)^}}$", WRITTEN, re.MULTILINE | re.DOTALL)


def test_every_pause_is_triggered_by_what_it_waits_for() -> None:
    pauses = find_blocks(r'resource "time_sleep" "\w+"')
    # `depends_on` alone gives the order, but does not repeat a pause.
    waited_for = [set(re.findall(r"\bgoogle_\w+\.\w+", pause.partition("triggers = {")[2])) for pause in pauses]

    assert "google_project_service.enabled" in waited_for[0]
    assert len(pauses) == 3
    assert all(waited_for)
    assert [pause for pause in pauses if "depends_on =" in pause] == []


def test_the_pauses_wait_for_every_right_of_the_build_and_every_metric() -> None:
    triggers = " ".join(find_blocks(r'resource "time_sleep" "\w+"'))
    metrics = re.findall(r'^resource "(google_logging_metric)" "(\w+)"', WRITTEN, re.MULTILINE)
    rights = re.findall(r'^resource "(google_\w+_iam_member)" "(build\w*)"', WRITTEN, re.MULTILINE)

    assert (len(metrics), len(rights)) == (3, 3)
    assert [name for name in metrics + rights if ".".join(name) not in triggers] == []


def test_no_data_source_is_read_again_for_every_upgrade() -> None:
    # With `depends_on`, a change makes the data unknown in the plan, and replaces what reads it.
    questions = find_blocks(r'data "google_\w+" "\w+"')

    assert questions
    assert [question for question in questions if "depends_on =" in question] == []


def test_the_replacement_of_a_channel_or_a_key_is_created_first() -> None:
    # An alert uses its channel, and a run needs a key.
    for kind in ("google_monitoring_notification_channel", "google_secret_manager_secret_version"):
        (block,) = find_blocks(rf'resource "{kind}" "\w+"')

        assert "create_before_destroy = true" in block


def test_no_resource_reads_an_id_that_can_be_built_from_variables() -> None:
    # The id of a deleted topic or dashboard is unknown in the plan.
    asked = re.findall(r"google_pubsub_topic\.\w+\.id|google_monitoring_dashboard\.\w+\.id", WRITTEN)

    assert asked == ["google_monitoring_dashboard.runs.id"]
    assert "DASHBOARD_URL            = local._dashboards\n" in WRITTEN
