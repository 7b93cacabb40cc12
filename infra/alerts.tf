# The alerts, and who gets them. Each text says what to do. The error codes are
# those of functions/kustomer_extract/errors.py.

locals {
  _guard_codes = ["guard_refused"]
  _key_codes   = ["key_rejected", "role_missing", "secret_unavailable"]

  _failed_job = join(" AND ", [
    local._log, "severity>=ERROR", "jsonPayload.event=\"job_finished\"",
  ])
  _is_guard = format(
    "jsonPayload.error_code=(\"%s\")", join("\" OR \"", local._guard_codes)
  )
  _is_key = format(
    "jsonPayload.error_code=(\"%s\")", join("\" OR \"", local._key_codes)
  )

  # Each condition on a log line needs a separate policy, because the API allows
  # no other condition in the same policy.
  _log_alerts = {
    content_added = {
      filter = join(" AND ", [
        local._log, "jsonPayload.event=\"selection_changed\"",
        "jsonPayload.content_added=~\".\"",
      ])
      labels   = { integration = "labels.integration", table = "labels.table" }
      severity = "WARNING"
      title    = "a column with words of customers was added"
      advice   = <<-EOT
        The published table `$${log.extracted_label.table}` of
        `$${log.extracted_label.integration}` has a new column. The schema
        marks it as words of or about customers. The log line names it.

        If nobody wanted it: set the column to `false` in the Firestore
        document `integrations/$${log.extracted_label.integration}`, or set
        `personal_data` to `false`. Then press *Force run* on the scheduler
        job. The next run removes the column. BigQuery's time travel keeps it
        for ${var.time_travel_hours / 24} more days.
      EOT
    }
    guard_refused = {
      filter   = "${local._failed_job} AND ${local._is_guard}"
      labels   = { integration = "labels.integration", table = "labels.table" }
      severity = "WARNING"
      title    = "a table would have shrunk, and was not replaced"
      advice   = <<-EOT
        The new extract of `$${log.extracted_label.integration}`, table
        `$${log.extracted_label.table}`, has far fewer rows than the published
        table. The published table was kept.

        If rows were really deleted in Kustomer: raise `max_drop_percent` of
        the table in the Firestore document
        `integrations/$${log.extracted_label.integration}`, press *Force run*
        on the scheduler job, and lower the number again afterwards.
        If not: leave the setting as it is, and ask Kustomer's support.
      EOT
    }
    key_rejected = {
      filter   = "${local._failed_job} AND ${local._is_key}"
      labels   = { integration = "labels.integration", table = "labels.table" }
      severity = "ERROR"
      title    = "the API key is missing, rejected or lacks a role"
      advice   = <<-EOT
        The API key of `$${log.extracted_label.integration}` does not work.
        The log line says whether it is missing, invalid or lacks a role.

        Make a key with the roles org.permission.conversation.read and
        org.permission.satisfaction.read in Kustomer (Settings > Security >
        API Keys), then add it:

            printf %s "$KEY" | gcloud secrets versions add \
              $${log.extracted_label.integration}-kustomer-api-key \
              --project=${var.project_id} --data-file=-

        and press *Force run* on the scheduler job.
      EOT
    }
    run_failed = {
      filter = join(" ", [
        local._log, "AND severity>=ERROR AND (",
        "(jsonPayload.event=\"job_finished\"",
        "AND NOT ${local._is_guard} AND NOT ${local._is_key})",
        "OR (jsonPayload.event=\"run_finished\" AND jsonPayload.error:*)",
        "OR jsonPayload.event=\"trigger_dropped\" )",
      ])
      labels   = { integration = "labels.integration", table = "labels.table" }
      severity = "ERROR"
      title    = "a run failed"
      advice   = <<-EOT
        A run of `$${log.extracted_label.integration}` failed. Waiting does
        not help. The published tables were not changed.

        Open the log entry of this incident: its message says what failed and
        what to do. `docs/runbook.md` lists every error code. Afterwards press
        *Force run* on the scheduler job.
      EOT
    }
    schedule_failed = {
      filter = join(" AND ", [
        "resource.type=\"cloud_scheduler_job\"",
        "resource.labels.job_id=~\"^${var.name}-[a-z0-9_]+(-retry)?$\"",
        "severity>=ERROR",
      ])
      labels   = { job = "resource.labels.job_id" }
      severity = "ERROR"
      title    = "the schedule could not start a run"
      advice   = <<-EOT
        Cloud Scheduler could not publish for `$${log.extracted_label.job}`.

        Check that the topic ${var.name}-trigger exists. If it does not,
        `terraform apply` creates it again. Then press *Force run*.
      EOT
    }
  }

  # Only these integrations run every day. The others get no alert "is not
  # fresh".
  _daily = {
    for name, schedule in local._schedules :
    name => schedule if endswith(schedule, " * * *")
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.notification_emails

  display_name = "Kustomer extractor: ${each.key}"
  labels       = { email_address = each.key }
  project      = var.project_id
  type         = "email"
  user_labels  = var.labels

  # A channel cannot be deleted while a policy uses it.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [time_sleep.foundations]
}

resource "google_monitoring_alert_policy" "log" {
  for_each = local._log_alerts

  display_name = "Kustomer extractor (${var.name}): ${each.value.title}"

  combiner              = "OR"
  notification_channels = local._channels
  project               = var.project_id
  severity              = each.value.severity
  user_labels           = var.labels

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  conditions {
    display_name = each.value.title

    condition_matched_log {
      filter = each.value.filter
      label_extractors = {
        for label, path in each.value.labels : label => "EXTRACT(${path})"
      }
    }
  }

  documentation {
    content   = each.value.advice
    mime_type = "text/markdown"
  }

  depends_on = [time_sleep.foundations]
}

resource "google_monitoring_alert_policy" "dead_letters" {
  display_name = "Kustomer extractor (${var.name}): messages are undelivered"

  combiner              = "OR"
  notification_channels = local._channels
  project               = var.project_id
  severity              = "ERROR"
  user_labels           = var.labels

  alert_strategy {
    auto_close = "86400s"
  }

  conditions {
    display_name = "the dead-letter subscription is not empty"

    condition_threshold {
      comparison      = "COMPARISON_GT"
      duration        = "0s"
      threshold_value = 0
      filter = join(" AND ", [
        "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\"",
        "resource.type = \"pubsub_subscription\"",
        "resource.labels.subscription_id = \"${google_pubsub_subscription.dead_letter.name}\"",
      ])

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-EOT
      A message was delivered 30 times in about four hours, and each delivery
      failed. Kustomer, Firestore or BigQuery was down for that long, or the
      function does not start. The published tables were not changed. The next
      scheduled run tries again.

      The log of the function says what failed. To close this incident, pull
      the messages from the subscription:

          gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead_letter.name} \
            --project=${var.project_id} --auto-ack --limit=100
    EOT
  }

  depends_on = [time_sleep.foundations]
}

# A run is "settled" if nothing is left to do: see logs.tf.
# A condition on absent data can wait for 23.5 hours at most, and an alignment
# period can be 25 hours at most. So this alert fires if no run settled in 25
# hours, and none settles in the hour after that. The extra hour is needed
# because a run may take longer than yesterday's, and because the day on which
# summer time ends has 25 hours.
# https://cloud.google.com/monitoring/alerts/metric-absence, read 2026-11-23.
resource "google_monitoring_alert_policy" "not_settled" {
  for_each = local._daily

  display_name = "Kustomer extractor (${var.name}): ${each.key} is not fresh"

  combiner              = "OR"
  notification_channels = local._channels
  project               = var.project_id
  severity              = "CRITICAL"
  user_labels           = var.labels

  alert_strategy {
    auto_close = "86400s"
  }

  conditions {
    display_name = "no run settled in 25 hours"

    condition_threshold {
      comparison              = "COMPARISON_LT"
      duration                = "3600s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"
      threshold_value         = 1
      filter = join(" AND ", [
        "metric.type = \"${local._user_metric}/${google_logging_metric.settled.name}\"",
        "resource.type = \"cloud_run_revision\"",
        "metric.labels.integration = \"${each.key}\"",
      ])

      aggregations {
        alignment_period     = "90000s"
        cross_series_reducer = "REDUCE_SUM"
        per_series_aligner   = "ALIGN_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-EOT
      The tables of `${each.key}` are older than a day. No run succeeded in
      the last 25 hours, and nobody paused or deleted the integration.

      Look at the log of the last run: ${local._links[each.key].logs}
      If there is no run at all, look at the scheduler job:
      ${local._links[each.key].schedule}

      To stop runs and alerts, set `status` to `PAUSED` in
      ${local._links[each.key].config}
    EOT
  }

  depends_on = [time_sleep.metrics]
}

locals {
  _channels = sort([
    for channel in google_monitoring_notification_channel.email : channel.id
  ])
}
