# The datasets. The function creates, describes and replaces their tables.

locals {
  _dataset_id       = replace(var.name, "-", "_")
  _dataset_location = coalesce(var.location, var.region)
}

resource "google_bigquery_dataset" "tables" {
  dataset_id = local._dataset_id

  # BigQuery deletes a dataset that has tables only if this is true. While the
  # dataset is protected, `destroy` skips it and goes on.
  delete_contents_on_destroy = !var.deletion_protection
  deletion_policy            = local._deletion_policy
  description                = "Kustomer's data. Every run replaces whole tables."
  location                   = local._dataset_location
  max_time_travel_hours      = tostring(var.time_travel_hours)
  project                    = var.project_id

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key_name[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_bigquery_dataset" "staging" {
  dataset_id = "${local._dataset_id}_staging"

  default_table_expiration_ms = 3 * 24 * 60 * 60 * 1000 # after a run that died
  delete_contents_on_destroy  = true
  description                 = "Temporary tables of runs in progress."
  location                    = local._dataset_location
  max_time_travel_hours       = "48" # the minimum
  project                     = var.project_id

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key_name[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_bigquery_dataset_iam_member" "runtime" {
  for_each = {
    staging = google_bigquery_dataset.staging.dataset_id
    tables  = google_bigquery_dataset.tables.dataset_id
  }

  dataset_id = each.value
  member     = google_service_account.runtime.member
  project    = var.project_id
  role       = "roles/bigquery.dataEditor"
}

# BigQuery's jobs belong to the project: no smaller resource takes this grant.
resource "google_project_iam_member" "runtime_jobs" {
  member  = google_service_account.runtime.member
  project = var.project_id
  role    = "roles/bigquery.jobUser"
}

resource "google_bigquery_dataset_iam_member" "analysts" {
  for_each = var.people.analysts

  dataset_id = google_bigquery_dataset.tables.dataset_id
  member     = each.key
  project    = var.project_id
  role       = "roles/bigquery.dataViewer"
}

resource "google_project_iam_member" "analysts_jobs" {
  for_each = var.people.analysts

  member  = each.key
  project = var.project_id
  role    = "roles/bigquery.jobUser"
}
