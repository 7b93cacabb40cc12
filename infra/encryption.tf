# Customer-managed encryption. If `kms_key_name` is set, the services that
# store something get the right to use the key. Their service agents:
# https://cloud.google.com/kms/docs/compatible-services and
# https://cloud.google.com/functions/docs/securing/cmek, read 2026-11-23.

locals {
  _is_encrypted = var.kms_key_name != null

  _key_users = local._is_encrypted ? merge(
    {
      for service, identity in google_project_service_identity.encryption :
      service => identity.member
    },
    {
      # Not a service identity: the first call of BigQuery's API creates it.
      bigquery = format(
        "serviceAccount:bq-%s@bigquery-encryption.iam.gserviceaccount.com",
        regex("-([0-9]+)@", google_project_service_identity.pubsub.email)[0]
      )
      pubsub  = google_project_service_identity.pubsub.member
      storage = one(data.google_storage_project_service_account.gcs[*].member)
    }
  ) : {}
}

resource "google_project_service_identity" "encryption" {
  for_each = toset(local._is_encrypted ? [
    "artifactregistry",
    "cloudfunctions",
    "firestore",
    "run",
    "secretmanager",
  ] : [])
  provider = google-beta

  project    = var.project_id
  service    = "${each.key}.googleapis.com"
  depends_on = [google_project_service.enabled]
}

data "google_storage_project_service_account" "gcs" {
  count = local._is_encrypted ? 1 : 0

  # Read from the service, because the service must be enabled first. With
  # `depends_on`, each upgrade that adds an API would replace all these grants.
  project = split("/", google_project_service.enabled["storage"].id)[0]
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = local._key_users

  crypto_key_id = var.kms_key_name
  member        = each.value
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
}
