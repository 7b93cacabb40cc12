# Google's service agents.

override_resource {
  target          = google_project_service_identity.pubsub
  override_during = plan
  values = {
    email  = "service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
    member = "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_project_service_identity.encryption["artifactregistry"]
  override_during = plan
  values = {
    member = "serviceAccount:service-123@gcp-sa-artifactregistry.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_project_service_identity.encryption["cloudfunctions"]
  override_during = plan
  values = {
    member = "serviceAccount:service-123@gcf-admin-robot.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_project_service_identity.encryption["firestore"]
  override_during = plan
  values = {
    member = "serviceAccount:service-123@gcp-sa-firestore.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_project_service_identity.encryption["run"]
  override_during = plan
  values = {
    member = "serviceAccount:service-123@serverless-robot-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_project_service_identity.encryption["secretmanager"]
  override_during = plan
  values = {
    member = "serviceAccount:service-123@gcp-sa-secretmanager.iam.gserviceaccount.com"
  }
}
