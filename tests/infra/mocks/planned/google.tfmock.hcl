# The attributes that plans and rights depend on, as Google would return them.

override_resource {
  target          = google_service_account.build
  override_during = plan
  values = {
    email  = "kustomer-build@demo-project.iam.gserviceaccount.com"
    id     = "projects/demo-project/serviceAccounts/kustomer-build@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:kustomer-build@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_service_account.push
  override_during = plan
  values = {
    email  = "kustomer-push@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:kustomer-push@demo-project.iam.gserviceaccount.com"
    name   = "projects/demo-project/serviceAccounts/kustomer-push@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_service_account.runtime
  override_during = plan
  values = {
    email  = "kustomer-runtime@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:kustomer-runtime@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_artifact_registry_repository.images
  override_during = plan
  values = {
    id   = "projects/demo-project/locations/us-central1/repositories/kustomer"
    name = "kustomer"
  }
}

override_resource {
  target          = google_monitoring_dashboard.runs
  override_during = plan
  values          = { id = "projects/123/dashboards/5f3a" }
}

override_resource {
  target          = google_monitoring_notification_channel.email
  override_during = plan
  values          = { id = "projects/demo-project/notificationChannels/1" }
}
