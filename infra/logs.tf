# What the function's log lines become: metrics for the alerts and the
# dashboard, and saved queries for people. Names of events and fields:
# functions/kustomer_extract/events.py.

locals {
  _log = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=\"${local._function_name}\"",
  ])
  _log_of_integration = {
    for name in keys(var.integrations) :
    name => "${local._log} AND labels.integration=\"${name}\""
  }

  # One value per job (or run): a distribution keeps its exact mean.
  _measures = {
    drift = {
      event  = "job_finished"
      field  = "drift_paths"
      title  = "Paths that differ from the schema"
      unit   = "1"
      labels = ["integration", "table"]
    }
    hops = {
      event  = "run_finished"
      field  = "hops"
      title  = "Invocations of a run"
      unit   = "1"
      labels = ["integration"]
    }
    minutes = {
      event  = "job_finished"
      field  = "minutes"
      title  = "Minutes of a job"
      unit   = "min"
      labels = ["integration", "table"]
    }
    retries = {
      event  = "job_finished"
      field  = "retries"
      title  = "Requests that had to be repeated"
      unit   = "1"
      labels = ["integration", "table"]
    }
    rows = {
      event  = "job_finished"
      field  = "rows"
      title  = "Rows of a job"
      unit   = "1"
      labels = ["integration", "table"]
    }
  }

  _queries = {
    problems = {
      filter = "${local._log} AND severity>=WARNING"
      title  = "Kustomer extractor: warnings and errors"
    }
    runs = {
      filter = "${local._log} AND jsonPayload.event=(\"run_finished\" OR \"run_skipped\" OR \"trigger_dropped\")"
      title  = "Kustomer extractor: how each run ended"
    }
    tables = {
      filter = "${local._log} AND jsonPayload.event=(\"job_finished\" OR \"table_published\" OR \"drift_found\")"
      title  = "Kustomer extractor: how each table ended"
    }
  }
}

# A run that is settled leaves nothing to do: every table is fresh, or a
# person wants the integration to rest.
resource "google_logging_metric" "settled" {
  name = "${var.name}/settled"

  description = "Runs that succeeded, or were rightly skipped."
  filter = join(" AND ", [
    local._log,
    join(" OR ", [
      "((jsonPayload.event=\"run_finished\" AND jsonPayload.colour=\"green\")",
      "(jsonPayload.event=\"run_skipped\" AND jsonPayload.reason=(\"paused\" OR \"deleted\")))",
    ]),
  ])
  project = var.project_id

  label_extractors = {
    integration = "EXTRACT(labels.integration)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key = "integration"
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_logging_metric" "jobs" {
  name = "${var.name}/jobs"

  description = "Jobs that ended, by how."
  filter      = "${local._log} AND jsonPayload.event=\"job_finished\""
  project     = var.project_id

  label_extractors = {
    error_code  = "EXTRACT(jsonPayload.error_code)"
    integration = "EXTRACT(labels.integration)"
    status      = "EXTRACT(jsonPayload.status)"
    table       = "EXTRACT(labels.table)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key = "error_code"
    }
    labels {
      key = "integration"
    }
    labels {
      key = "status"
    }
    labels {
      key = "table"
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_logging_metric" "measure" {
  for_each = local._measures

  name = "${var.name}/${each.key}"

  description     = "${each.value.title}."
  filter          = "${local._log} AND jsonPayload.event=\"${each.value.event}\""
  project         = var.project_id
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  label_extractors = {
    for label in each.value.labels : label => "EXTRACT(labels.${label})"
  }

  bucket_options {
    exponential_buckets {
      growth_factor      = 2
      num_finite_buckets = 32
      scale              = 1
    }
  }

  metric_descriptor {
    metric_kind = "DELTA"
    unit        = each.value.unit
    value_type  = "DISTRIBUTION"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key = labels.value
      }
    }
  }

  depends_on = [time_sleep.foundations]
}

# Alerts and charts are refused while a metric is not known everywhere.
resource "time_sleep" "metrics" {
  create_duration = "30s"

  depends_on = [
    google_logging_metric.jobs,
    google_logging_metric.measure,
    google_logging_metric.settled,
  ]
}

resource "google_logging_saved_query" "shared" {
  for_each = local._queries

  name = "${var.name}-${each.key}"

  display_name = each.value.title
  location     = "global"
  parent       = "projects/${var.project_id}"
  visibility   = "SHARED"

  logging_query {
    filter = each.value.filter

    summary_fields {
      field = "labels.integration"
    }
    summary_fields {
      field = "labels.table"
    }
  }

  depends_on = [time_sleep.foundations]
}

# Logs and metrics are the project's; there is nothing smaller to grant on.
resource "google_project_iam_member" "operators_logs" {
  for_each = var.people.operators

  member  = each.key
  project = var.project_id
  role    = "roles/logging.viewer"
}

resource "google_project_iam_member" "operators_metrics" {
  for_each = var.people.operators

  member  = each.key
  project = var.project_id
  role    = "roles/monitoring.viewer"
}
