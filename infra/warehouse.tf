# The datasets. The function creates, replaces and describes their tables.

locals {
  _dataset_id       = replace(var.name, "-", "_")
  _dataset_location = coalesce(var.location, var.region)
}

resource "google_bigquery_dataset" "tables" {
  dataset_id = local._dataset_id

  # A dataset with tables in it cannot be deleted, unless this says so. While
  # it is protected, `destroy` leaves it alone and goes on.
  delete_contents_on_destroy = !var.deletion_protection
  deletion_policy            = local._deletion_policy
  description                = "Kustomer's data, replaced whole by every run."
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

  default_table_expiration_ms = 3 * 24 * 60 * 60 * 1000 # what a dead run left
  delete_contents_on_destroy  = true
  description                 = "Chunks of runs that are under way."
  location                    = local._dataset_location
  max_time_travel_hours       = "48" # the least there is
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

# Jobs belong to the project; there is nothing smaller to grant this on.
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
