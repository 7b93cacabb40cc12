# The schedules of each integration.

locals {
  # The default is between 03:00 and 03:59. The minute is computed from the
  # name, so that integrations do not all start at once.
  _schedules = {
    for name, integration in var.integrations :
    name => coalesce(
      integration.schedule,
      format("%d 3 * * *", parseint(substr(sha256(name), 0, 8), 16) % 60),
    )
  }

  # Every day, three hours after the schedule. If the schedule's hour is not a
  # plain number: every four hours. A run with nothing to retry ends at once.
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

  # A message published before the subscription exists would be lost.
  depends_on = [google_pubsub_subscription.push]
}

# Extracts a table again if it failed for a reason that may have passed. The
# first failure is logged as WARNING. The second is an ERROR and raises an
# alert.
resource "google_cloud_scheduler_job" "retry" {
  for_each = var.integrations

  name = "${var.name}-${each.key}-retry"

  description = "Retries the failed tables of ${each.key}."
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

  # A message published before the subscription exists would be lost.
  depends_on = [google_pubsub_subscription.push]
}

# Allows "Force run" in the console. Cloud Scheduler has no grants on single
# jobs.
resource "google_project_iam_member" "operators_schedule" {
  for_each = var.people.operators

  member  = each.key
  project = var.project_id
  role    = "roles/cloudscheduler.jobRunner"
}
