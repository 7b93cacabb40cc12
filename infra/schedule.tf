# When each integration runs.

locals {
  # Unless given: between 03:00 and 03:59, at a minute that depends on the
  # name alone, so that many integrations do not start at once.
  _schedules = {
    for name, integration in var.integrations :
    name => coalesce(
      integration.schedule,
      format("%d 3 * * *", parseint(substr(sha256(name), 0, 8), 16) % 60),
    )
  }

  # Three hours after it, every day. Where the hour is no plain number: every
  # four hours. With nothing to retry, a run ends at once.
  _retry_times = {
    for name, schedule in local._schedules :
    name => regexall("^([0-9]+) ([0-9]+) ", schedule)
  }
  _retry_schedules = {
    for name, times in local._retry_times :
    name => (
      length(times) == 0
      ? "45 */4 * * *"
      : format("%s %d * * *", times[0][0], (tonumber(times[0][1]) + 3) % 24)
    )
  }
}

resource "google_cloud_scheduler_job" "run" {
  for_each = var.integrations

  name = "${var.name}-${each.key}"

  description = "Replicates ${each.key} into BigQuery."
  project     = var.project_id
  region      = var.region
  schedule    = local._schedules[each.key]
  time_zone   = each.value.time_zone

  pubsub_target {
    topic_name = local._topics.trigger
    data = base64encode(jsonencode({
      integration = each.key
      trigger     = "schedule"
    }))
  }

  retry_config {
    max_backoff_duration = "300s"
    min_backoff_duration = "30s"
    retry_count          = 3
  }

  # Only once the subscription exists.
  depends_on = [google_pubsub_subscription.push]
}

# A table that failed for a reason that may pass by itself runs once more: the
# first failure is a WARNING, the second an ERROR and an alert.
resource "google_cloud_scheduler_job" "retry" {
  for_each = var.integrations

  name = "${var.name}-${each.key}-retry"

  description = "Runs again what of ${each.key} time may have cured."
  project     = var.project_id
  region      = var.region
  schedule    = local._retry_schedules[each.key]
  time_zone   = each.value.time_zone

  pubsub_target {
    topic_name = local._topics.trigger
    data = base64encode(jsonencode({
      integration = each.key
      trigger     = "retry"
    }))
  }

  retry_config {
    max_backoff_duration = "300s"
    min_backoff_duration = "30s"
    retry_count          = 3
  }

  # Only once the subscription exists.
  depends_on = [google_pubsub_subscription.push]
}

# "Force run" in the console. Scheduler has no rights on single jobs.
resource "google_project_iam_member" "operators_schedule" {
  for_each = var.people.operators

  member  = each.key
  project = var.project_id
  role    = "roles/cloudscheduler.jobRunner"
}
