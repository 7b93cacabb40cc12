# Google's service agents.

mock_resource "google_project_service_identity" {
  defaults = {
    email  = "service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
    member = "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
  }
}
