# Filters, metrics and saved queries on the function's log. The names of events
# and fields are those of functions/kustomer_extract/events.py.

locals {
  _log = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=\"${local._function_name}\"",
  ])
  _user_metric = "logging.googleapis.com/user" # log-based metrics of a project
  _log_of_integration = {
    for name in keys(var.integrations) :
    name => "${local._log} AND labels.integration=\"${name}\""
  }

  # Edits of configuration documents by anybody but the function. The field
  # that names the document depends on the method, so the filter searches all
  # fields for its path.
  _who    = "protoPayload.authenticationInfo.principalEmail"
  _writes = "Commit|Write|CreateDocument|UpdateDocument|DeleteDocument"
  _edits = join(" AND ", [
    "log_id(\"cloudaudit.googleapis.com/data_access\")",
    "protoPayload.serviceName=\"firestore.googleapis.com\"",
    "protoPayload.methodName=~\"(${local._writes})$\"",
    "\"databases/${var.name}/documents/integrations/\"",
    "NOT ${local._who}=\"${google_service_account.runtime.email}\"",
  ])

  _queries = {
    edits = {
      fields = [local._who, "protoPayload.methodName"]
      filter = local._edits
      title  = "Kustomer extractor: who changed the configuration"
    }
    problems = {
      fields = ["labels.integration", "labels.table"]
      filter = "${local._log} AND severity>=WARNING"
      title  = "Kustomer extractor: warnings and errors"
    }
    runs = {
      fields = ["labels.integration", "labels.table"]
      filter = join(" ", [
        "${local._log} AND jsonPayload.event=(\"run_finished\"",
        "OR \"run_skipped\" OR \"trigger_dropped\")",
      ])
      title = "Kustomer extractor: how each run ended"
    }
    tables = {
      fields = ["labels.integration", "labels.table"]
      filter = join(" ", [
        "${local._log} AND jsonPayload.event=(\"job_finished\"",
        "OR \"table_published\" OR \"drift_found\")",
      ])
      title = "Kustomer extractor: how each table ended"
    }
  }
}

# A run is "settled" if nothing is left to do: every table was replaced, or a
# person has paused or deleted the integration.
resource "google_logging_metric" "settled" {
  name = "${var.name}/settled"

  description = "Runs that succeeded, and runs skipped because of status."
  filter = join(" ", [
    "${local._log} AND (",
    "(jsonPayload.event=\"run_finished\" AND jsonPayload.colour=\"green\")",
    "OR (jsonPayload.event=\"run_skipped\"",
    "AND jsonPayload.reason=(\"paused\" OR \"deleted\")))",
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

# Google refuses an alert or a chart until its metric is known everywhere.
resource "time_sleep" "metrics" {
  create_duration = "30s"

  triggers = {
    names = join(" ", concat(
      [google_logging_metric.jobs.name, google_logging_metric.settled.name],
      values(google_logging_metric.measure)[*].name,
    ))
  }
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

    dynamic "summary_fields" {
      for_each = each.value.fields
      content {
        field = summary_fields.value
      }
    }
  }

  depends_on = [time_sleep.foundations]
}

# Logs and metrics belong to the project: no smaller resource takes a grant.
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
