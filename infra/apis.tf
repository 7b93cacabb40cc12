# The Google APIs, Google's service agents, and the pause until both can be
# used. Everything else depends on `time_sleep.foundations`.

resource "google_project_service" "enabled" {
  for_each = toset([
    "artifactregistry",
    "bigquery",
    "cloudbuild",
    "cloudfunctions",
    "cloudscheduler",
    "firestore",
    "iam",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
  ])

  disable_on_destroy = false # something else may use them
  project            = var.project_id
  service            = "${each.key}.googleapis.com"
}

# Moves undeliverable messages to the dead-letter topic.
resource "google_project_service_identity" "pubsub" {
  provider = google-beta

  project    = var.project_id
  service    = "pubsub.googleapis.com"
  depends_on = [google_project_service.enabled]
}

# Google refuses an API that was just enabled, and a right that was just
# granted on the encryption key, for about a minute. If an upgrade changes
# these lists, the pause is repeated.
resource "time_sleep" "foundations" {
  create_duration = "60s"

  triggers = {
    agent     = google_project_service_identity.pubsub.service
    key_users = join(" ", keys(google_kms_crypto_key_iam_member.agents))
    services  = join(" ", keys(google_project_service.enabled))
  }
}
