locals {
  _console   = "https://console.cloud.google.com"
  _documents = "${local._console}/firestore/databases/${google_firestore_database.config.name}/data/panel/integrations"
  _project   = "project=${var.project_id}"

  _links = {
    for name in keys(var.integrations) : name => {
      config   = "${local._documents}/${name}?${local._project}"
      history  = "${local._documents}/${name}/runs?${local._project}"
      key      = "${local._console}/security/secret-manager/secret/${name}-kustomer-api-key/versions?${local._project}"
      logs     = "${local._console}/logs/query;query=${urlencode(local._log_of_integration[name])}?${local._project}"
      schedule = "${local._console}/cloudscheduler?${local._project}"
      tables   = "${local._console}/bigquery?${local._project}&ws=!1m4!1m3!3m2!1s${var.project_id}!2s${local._dataset_id}"
    }
  }
}

output "dashboard" {
  description = "The page with rows, minutes, hops, retries and drift of all integrations."
  value       = "${local._console}/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.runs.id)}?${local._project}"
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

output "key_commands" {
  description = "By integration: the command that adds its API key, read from the variable KEY."
  value = {
    for name, secret in google_secret_manager_secret.api_key :
    name => "printf %s \"$KEY\" | gcloud secrets versions add ${secret.secret_id} --project=${var.project_id} --data-file=-"
  }
}

output "links" {
  description = "By integration: the pages of its configuration document, run history, API key, logs, schedule (Force run) and tables."
  value       = local._links
}
