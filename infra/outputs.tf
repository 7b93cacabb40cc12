locals {
  _console = "https://console.cloud.google.com"
  _project = "project=${var.project_id}"

  # The function gets the address of the list of dashboards: that of the
  # dashboard itself is not known before the dashboard exists.
  _dashboards = "${local._console}/monitoring/dashboards?${local._project}"
  _dashboard = format(
    "%s/monitoring/dashboards/builder/%s?%s",
    local._console,
    basename(google_monitoring_dashboard.runs.id),
    local._project,
  )

  # Built from variables only: the id of an import must be known in the plan.
  _import_ids = {
    database = local._import_database
    dataset  = "projects/${var.project_id}/datasets/${local._dataset_id}"
    documents = {
      for name in keys(var.integrations) :
      name => "${local._import_database}/documents/integrations/${name}"
    }
    run_expiry = "${local._import_database}/collectionGroups/runs/fields/expire_at"
    secrets = {
      for name in keys(var.integrations) :
      name => "projects/${var.project_id}/secrets/${name}-kustomer-api-key"
    }
  }
  _import_database = "projects/${var.project_id}/databases/${var.name}"

  _pages = {
    for name in keys(var.integrations) : name => {
      config   = "firestore/databases/${var.name}/data/panel/integrations/${name}"
      history  = "firestore/databases/${var.name}/data/panel/integrations/${name}/runs"
      key      = "security/secret-manager/secret/${name}-kustomer-api-key/versions"
      logs     = "logs/query;query=${replace(urlencode(local._log_of_integration[name]), "+", "%20")}"
      schedule = "cloudscheduler"
    }
  }

  _links = {
    for name, pages in local._pages : name => merge(
      {
        for page, path in pages :
        page => "${local._console}/${path}?${local._project}"
      },
      {
        tables = join("", [
          "${local._console}/bigquery?${local._project}",
          "&ws=!1m4!1m3!3m2!1s${var.project_id}!2s${local._dataset_id}",
        ])
      },
    )
  }
}

output "dashboard" {
  description = "The dashboard of all integrations."
  value       = local._dashboard
}

output "deployment" {
  description = "Names that scripts and the command line need."
  value = {
    dataset            = google_bigquery_dataset.tables.dataset_id
    firestore_database = google_firestore_database.config.name
    function           = google_cloudfunctions2_function.extract.name
    integrations       = sort(keys(var.integrations))
    project_id         = var.project_id
    region             = var.region
    topic              = google_pubsub_topic.trigger.name
  }
}

output "import_ids" {
  description = <<-EOT
    Google's names of what `destroy` does not delete. The variable `take_back`
    of the root module imports them.
  EOT
  value       = local._import_ids
}

output "key_commands" {
  description = "The command that adds the API key in KEY, by integration."
  value = {
    for name, secret in google_secret_manager_secret.api_key :
    name => join(" ", [
      "printf %s \"$KEY\" | gcloud secrets versions add ${secret.secret_id}",
      "--project=${var.project_id} --data-file=-",
    ])
  }
}

output "links" {
  description = <<-EOT
    The console pages of each integration: configuration document, run
    history, API key, logs, schedule (Force run) and tables.
  EOT
  value       = local._links
}
