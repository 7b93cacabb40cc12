# Properties of every deployment, whatever its variables.

mock_provider "google" {
  source = "./tests/infra/mocks/planned"
}
mock_provider "google-beta" {
  source = "./tests/infra/mocks/planned"
}
mock_provider "archive" {}
mock_provider "time" {}

variables {
  integrations = { acme = { org = "acme" } }
  project_id   = "demo-project"
  region       = "us-central1"
}

run "deadlines" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = (
      google_pubsub_subscription.push.ack_deadline_seconds >
      google_cloudfunctions2_function.extract.service_config[0].timeout_seconds
    )
    error_message = "Pub/Sub must wait for longer than the function may take, or it delivers the message of every long hop twice."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.extract.service_config[0].timeout_seconds >=
      tonumber(google_cloudfunctions2_function.extract.service_config[0].environment_variables.SOFT_DEADLINE_SECONDS) + 90
    )
    error_message = "After its soft deadline the code needs 90 seconds for the last chunk, the state and the next message."
  }

  assert {
    condition = (
      google_pubsub_subscription.push.ack_deadline_seconds <= 600 &&
      google_cloudfunctions2_function.extract.service_config[0].timeout_seconds <= 540
    )
    error_message = "Neither deadline is above the platform's maximum."
  }
}

run "delivery" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = (
      google_pubsub_subscription.push.retry_policy[0].minimum_backoff == "60s" &&
      google_pubsub_subscription.push.retry_policy[0].maximum_backoff == "600s" &&
      google_pubsub_subscription.push.dead_letter_policy[0].max_delivery_attempts == 30 &&
      google_pubsub_subscription.push.message_retention_duration == "86400s" &&
      google_pubsub_subscription.push.expiration_policy[0].ttl == "" &&
      google_pubsub_subscription.dead_letter.expiration_policy[0].ttl == ""
    )
    error_message = "Messages survive an outage of hours, and an idle subscription does not expire."
  }
}

run "nobody_else" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = (
      google_cloudfunctions2_function.extract.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" &&
      google_cloud_run_v2_service_iam_member.push.member == google_service_account.push.member &&
      google_storage_bucket.source.public_access_prevention == "enforced"
    )
    error_message = "Only Pub/Sub can call the function, and nobody can read the code in public."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.extract.service_config[0].service_account_email == google_service_account.runtime.email &&
      google_cloudfunctions2_function.extract.build_config[0].service_account == google_service_account.build.id
    )
    error_message = "Building and running have different service accounts."
  }
}

run "protected" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = (
      !google_bigquery_dataset.tables.delete_contents_on_destroy &&
      google_firestore_database.config.delete_protection_state == "DELETE_PROTECTION_ENABLED" &&
      alltrue([
        for policy in [
          google_bigquery_dataset.tables.deletion_policy,
          google_firestore_backup_schedule.daily[0].deletion_policy,
          google_firestore_database.config.deletion_policy,
          google_firestore_document.integration["acme"].deletion_policy,
          google_firestore_field.run_expiry.deletion_policy,
          google_secret_manager_secret.api_key["acme"].deletion_policy,
        ] : policy == "ABANDON"
      ]) &&
      google_firestore_database.config.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" &&
      length(google_firestore_backup_schedule.daily) == 1
    )
    error_message = "What holds data survives a destroy while deletion_protection is on."
  }
}

run "freshness" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = alltrue([
      for threshold in google_monitoring_alert_policy.not_settled["acme"].conditions[0].condition_threshold :
      threshold.comparison == "COMPARISON_LT" &&
      threshold.threshold_value == 1 &&
      threshold.duration == "3600s" && # missing data needs 60 s at least
      threshold.evaluation_missing_data == "EVALUATION_MISSING_DATA_ACTIVE" &&
      threshold.aggregations[0].alignment_period == "90000s" && # the maximum
      threshold.aggregations[0].per_series_aligner == "ALIGN_SUM"
    ])
    error_message = "A day without a settled run raises an alert, even if nothing is logged."
  }

  assert {
    condition = alltrue([
      for word in ["green", "paused", "deleted"] :
      strcontains(google_logging_metric.settled.filter, "\"${word}\"")
    ])
    error_message = "A run is settled if it succeeds, and if the integration is paused or deleted."
  }

  assert {
    condition = alltrue([
      for policy in google_monitoring_alert_policy.log :
      length(policy.conditions) == 1 &&
      length(policy.alert_strategy[0].notification_rate_limit) == 1
    ])
    error_message = "The API accepts a log condition only if it is the only one, and only with a rate limit."
  }
}
