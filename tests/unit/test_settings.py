"""The function's environment variables: all problems are reported at once."""

from __future__ import annotations

import pytest

from kustomer_extract.bootstrap import Settings, parse_settings
from kustomer_extract.errors import ConfigInvalid

REQUIRED = {"GOOGLE_CLOUD_PROJECT": "p", "PUBSUB_TOPIC": "projects/p/topics/t"}


def test_only_project_and_topic_are_required() -> None:
    assert parse_settings(REQUIRED) == Settings(project="p", topic="projects/p/topics/t")


def test_an_empty_variable_counts_as_missing() -> None:
    assert parse_settings({**REQUIRED, "BIGQUERY_DATASET": "", "KUSTOMER_API_URL": ""}) == parse_settings(REQUIRED)


def test_every_setting_has_its_variable() -> None:
    settings = parse_settings(
        {
            **REQUIRED,
            "FIRESTORE_DATABASE": "kustomer",
            "BIGQUERY_DATASET": "d",
            "BIGQUERY_STAGING_DATASET": "s",
            "BIGQUERY_LOCATION": "EU",
            "SOFT_DEADLINE_SECONDS": "30",
            "KUSTOMER_API_URL": "http://127.0.0.1:1",
            "SECRET_MANAGER_ENDPOINT": "localhost:2",
            "PUBSUB_EMULATOR_HOST": "localhost:3",
        }
    )

    assert settings == Settings(
        project="p",
        topic="projects/p/topics/t",
        database="kustomer",
        dataset="d",
        staging_dataset="s",
        location="EU",
        soft_deadline_seconds=30,
        kustomer_api_url="http://127.0.0.1:1",
        secret_manager_endpoint="localhost:2",
        pubsub_emulator_host="localhost:3",
    )


@pytest.mark.parametrize("deadline", ["soon", "0", "-1", "451", "nan", "inf"])
def test_every_wrong_variable_is_named_in_one_error(deadline: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_settings({"SOFT_DEADLINE_SECONDS": deadline})

    assert [problem.path for problem in caught.value.problems] == [
        "GOOGLE_CLOUD_PROJECT",
        "PUBSUB_TOPIC",
        "SOFT_DEADLINE_SECONDS",
    ]
