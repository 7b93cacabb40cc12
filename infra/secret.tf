# One secret per integration for its Kustomer API key. A person adds the key
# with gcloud (output `key_commands`), so it never enters Terraform's state.

resource "google_secret_manager_secret" "api_key" {
  for_each = var.integrations

  secret_id = "${each.key}-kustomer-api-key"

  deletion_policy     = local._deletion_policy
  deletion_protection = false # true would stop `destroy` half-way
  project             = var.project_id
  version_destroy_ttl = "604800s" # a version can be restored for 7 days

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key_name[*]
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [time_sleep.foundations]
}

# Only if the key is given to Terraform, as a write-only argument.
resource "google_secret_manager_secret_version" "api_key" {
  for_each = {
    for name, integration in var.integrations :
    name => integration.api_key_version
    if integration.api_key_version != null
  }

  secret = google_secret_manager_secret.api_key[each.key].id

  deletion_policy        = var.deletion_protection ? "ABANDON" : "DISABLE"
  secret_data_wo         = lookup(var.api_keys, each.key, null)
  secret_data_wo_version = each.value

  # The new version is added before the old one is disabled, so that every run
  # finds a key.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "runtime" {
  for_each = google_secret_manager_secret.api_key

  secret_id = each.value.secret_id

  member  = google_service_account.runtime.member
  project = var.project_id
  role    = "roles/secretmanager.secretAccessor"
}

resource "google_secret_manager_secret_iam_member" "operators" {
  for_each = {
    for pair in setproduct(keys(var.integrations), var.people.operators) :
    join(" ", pair) => { integration = pair[0], member = pair[1] }
  }

  secret_id = google_secret_manager_secret.api_key[each.value.integration].secret_id

  member  = each.value.member
  project = var.project_id
  role    = "roles/secretmanager.secretVersionAdder"
}
