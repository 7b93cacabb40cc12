# A dashboard for all integrations, and its metrics.

locals {
  # One value per job or run. A distribution keeps the exact mean.
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

  _charts = concat(
    [{
      aligner = "ALIGN_SUM"
      groups  = ["integration", "table", "status"]
      metric  = google_logging_metric.jobs.name
      reducer = "REDUCE_SUM"
      title   = "Jobs by table and status"
    }],
    [
      for key in ["rows", "minutes", "hops", "retries", "drift"] : {
        aligner = "ALIGN_DELTA"
        groups  = local._measures[key].labels
        metric  = google_logging_metric.measure[key].name
        reducer = "REDUCE_MEAN"
        title   = local._measures[key].title
      }
    ],
  )
}

resource "google_logging_metric" "jobs" {
  name = "${var.name}/jobs"

  description = "Jobs that ended, by table, status and error code."
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

  description = "${each.value.title}."
  filter = format(
    "%s AND jsonPayload.event=\"%s\"", local._log, each.value.event
  )
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

# Zeros and empty values are left out: the API drops them, and the second plan
# would add them again.
resource "google_monitoring_dashboard" "runs" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "Kustomer extractor (${var.name})"

    gridLayout = {
      columns = "2"

      widgets = concat(
        [
          for chart in local._charts : {
            title = chart.title
            xyChart = {
              chartOptions = { mode = "COLOR" }
              dataSets = [{
                plotType   = "STACKED_BAR"
                targetAxis = "Y1"
                timeSeriesQuery = { timeSeriesFilter = {
                  aggregation = {
                    alignmentPeriod    = "3600s"
                    crossSeriesReducer = chart.reducer
                    groupByFields = [
                      for label in chart.groups : "metric.label.${label}"
                    ]
                    perSeriesAligner = chart.aligner
                  }
                  filter = join(" AND ", [
                    "metric.type=\"${local._user_metric}/${chart.metric}\"",
                    "resource.type=\"cloud_run_revision\"",
                  ])
                } }
              }]
              yAxis = { scale = "LINEAR" }
            }
          }
        ],
        [
          for query in [local._queries.tables, local._queries.problems] : {
            logsPanel = { filter = query.filter }
            title     = query.title
          }
        ],
      )
    }
  })

  depends_on = [time_sleep.metrics]
}
