# The Cloud Run function (gen 2) and the service account that it runs as. One
# function serves all integrations. The rights of the service account are in
# the files of the resources that it reads and writes.

locals {
  _function_name = "${var.name}-extract"

  # The code stops before the platform's timeout, and the platform before
  # Pub/Sub's. In another order Pub/Sub would deliver a message again while the
  # function still works on it.
  _soft_deadline_seconds = 450
  _timeout_seconds       = 540 # the maximum for an event
  _ack_deadline_seconds  = 600 # the maximum of Pub/Sub
}

resource "google_service_account" "runtime" {
  account_id = "${var.name}-runtime"

  create_ignore_already_exists = true # an interrupted apply may have made it
  display_name                 = "Kustomer extractor: runs the function"
  project                      = var.project_id
  depends_on                   = [time_sleep.foundations]
}

resource "google_cloudfunctions2_function" "extract" {
  name = local._function_name

  description  = "Replicates Kustomer organisations into BigQuery."
  kms_key_name = var.kms_key_name
  location     = var.region
  project      = var.project_id

  build_config {
    docker_repository = google_artifact_registry_repository.images.id
    entry_point       = "extract"
    runtime           = "python313"
    service_account   = google_service_account.build.id

    environment_variables = {
      # After a failed build, Terraform's state has the new object, but not
      # these variables. So the next plan shows that a build is still needed.
      BUNDLE_HASH            = local._bundle_hash
      GOOGLE_FUNCTION_SOURCE = "functions/main.py"
    }

    automatic_update_policy {} # Google patches the base image by itself

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    all_traffic_on_latest_revision   = true
    available_cpu                    = "1"
    available_memory                 = var.memory
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    max_instance_count               = length(var.integrations) + 2
    max_instance_request_concurrency = 1
    min_instance_count               = 0
    service_account_email            = google_service_account.runtime.email
    timeout_seconds                  = local._timeout_seconds

    environment_variables = {
      BIGQUERY_DATASET         = google_bigquery_dataset.tables.dataset_id
      BIGQUERY_LOCATION        = google_bigquery_dataset.tables.location
      BIGQUERY_STAGING_DATASET = google_bigquery_dataset.staging.dataset_id
      DASHBOARD_URL            = local._dashboards
      FIRESTORE_DATABASE       = google_firestore_database.config.name
      GOOGLE_CLOUD_PROJECT     = var.project_id
      PUBSUB_TOPIC             = local._topics.trigger
      SOFT_DEADLINE_SECONDS    = tostring(local._soft_deadline_seconds)
    }
  }

  depends_on = [google_pubsub_topic.trigger, time_sleep.build_rights]
}

# Pub/Sub calls the function as this account. Nobody else may call it.
resource "google_service_account" "push" {
  account_id = "${var.name}-push"

  create_ignore_already_exists = true # an interrupted apply may have made it
  display_name                 = "Kustomer extractor: lets Pub/Sub call the function"
  project                      = var.project_id
  depends_on                   = [time_sleep.foundations]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  name = google_cloudfunctions2_function.extract.name # of the service, too

  location = var.region
  member   = google_service_account.push.member
  project  = var.project_id
  role     = "roles/run.invoker"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.extract.id]
  }
}
