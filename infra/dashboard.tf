# One page of charts over all integrations, from the metrics of logs.tf.

locals {
  _charts = concat(
    [{
      title = "Jobs by table and status"
      query = {
        aligner = "ALIGN_SUM"
        filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.jobs.name}\" resource.type=\"cloud_run_revision\""
        groups  = ["integration", "table", "status"]
        reducer = "REDUCE_SUM"
      }
    }],
    [
      for key in ["rows", "minutes", "hops", "retries", "drift"] : {
        title = local._measures[key].title
        query = {
          aligner = "ALIGN_DELTA"
          filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.measure[key].name}\" resource.type=\"cloud_run_revision\""
          groups  = local._measures[key].labels
          reducer = "REDUCE_MEAN"
        }
      }
    ],
  )
}

# Without zeros and empty values, which the API drops: the second plan would
# want them back.
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
                  filter = chart.query.filter
                  aggregation = {
                    alignmentPeriod    = "3600s"
                    crossSeriesReducer = chart.query.reducer
                    groupByFields = [
                      for label in chart.query.groups : "metric.label.${label}"
                    ]
                    perSeriesAligner = chart.query.aligner
                  }
                } }
              }]
              yAxis = { scale = "LINEAR" }
            }
          }
        ],
        [{
          title = "How each table ended"
          logsPanel = {
            filter = local._queries.tables.filter
          }
        }],
        [{
          title = "Warnings and errors"
          logsPanel = {
            filter = local._queries.problems.filter
          }
        }],
      )
    }
  })

  depends_on = [time_sleep.metrics]
}
