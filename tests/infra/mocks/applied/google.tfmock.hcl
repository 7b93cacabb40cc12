# The attributes of existing resources, by type, as Google would return them.
# Without these values Terraform makes some up, and the real provider refuses
# those that are not an e-mail address or a member. test_mocks.py says which
# attributes must be here.

mock_resource "google_artifact_registry_repository" {
  defaults = {
    id   = "projects/demo-project/locations/us-central1/repositories/kustomer"
    name = "kustomer"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    id             = "projects/demo-project/locations/us-central1/functions/kustomer-extract"
    service_config = { uri = "https://kustomer-extract-5f3a-uc.a.run.app" }
  }
}

mock_resource "google_monitoring_dashboard" {
  defaults = { id = "projects/123/dashboards/5f3a" }
}

mock_resource "google_monitoring_notification_channel" {
  defaults = { id = "projects/demo-project/notificationChannels/1" }
}

mock_resource "google_project_service" {
  defaults = { id = "demo-project/storage.googleapis.com" }
}

mock_resource "google_pubsub_subscription" {
  defaults = { id = "projects/demo-project/subscriptions/kustomer-push" }
}

mock_resource "google_secret_manager_secret" {
  defaults = { id = "projects/demo-project/secrets/acme-kustomer-api-key" }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "kustomer-some@demo-project.iam.gserviceaccount.com"
    id     = "projects/demo-project/serviceAccounts/kustomer-some@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:kustomer-some@demo-project.iam.gserviceaccount.com"
    name   = "projects/demo-project/serviceAccounts/kustomer-some@demo-project.iam.gserviceaccount.com"
  }
}

mock_data "google_storage_project_service_account" {
  defaults = {
    member = "serviceAccount:service-123@gs-project-accounts.iam.gserviceaccount.com"
  }
}
