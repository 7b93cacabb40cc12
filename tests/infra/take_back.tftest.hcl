# The root module imports what an earlier destroy left behind. The overrides
# say what Google would return, because a mocked provider imports nothing.

mock_provider "google" {
  source = "./tests/infra/mocks/applied"

  override_resource {
    target = module.extract.google_bigquery_dataset.tables
    values = { dataset_id = "kustomer" }
  }
  override_resource {
    target = module.extract.google_firestore_backup_schedule.daily
    values = { name = "5f3a" }
  }
  override_resource {
    target = module.extract.google_firestore_database.config
    values = { name = "kustomer" }
  }
  override_resource {
    target = module.extract.google_firestore_document.integration
    values = { fields = "{\"org\":{\"stringValue\":\"edited\"}}" }
  }
  override_resource {
    target = module.extract.google_firestore_field.run_expiry
    values = { field = "expire_at" }
  }
  override_resource {
    target = module.extract.google_secret_manager_secret.api_key
    values = { id = "projects/demo-project/secrets/acme-kustomer-api-key" }
  }
}
mock_provider "google-beta" {
  source = "./tests/infra/mocks/applied"
}
mock_provider "archive" {}
mock_provider "time" {}

variables {
  integrations = {
    acme  = { org = "acme" }
    other = { org = "other" }
  }
  project_id = "demo-project"
  region     = "us-central1"
}

run "taken_back" {
  command = plan

  variables {
    take_back = {
      backup_schedule = "5f3a"
      deployment      = true
      integrations    = ["acme"]
    }
  }
}

run "unknown_integration_to_take_back" {
  command = plan

  variables {
    take_back = { integrations = ["acme", "another"] }
  }

  expect_failures = [var.take_back]
}

run "whole_name_of_a_schedule_to_take_back" {
  command = plan

  variables {
    take_back = { backup_schedule = "projects/demo-project/backupSchedules/5f3a" }
  }

  expect_failures = [var.take_back]
}

run "integration_to_take_back_without_a_list" {
  command = plan

  variables {
    take_back = { integrations = "acme" }
  }

  expect_failures = [var.take_back]
}

run "name_of_a_deployment_to_take_back" {
  command = plan

  variables {
    take_back = { deployment = "kustomer" }
  }

  expect_failures = [var.take_back]
}

run "take_back_that_is_no_object" {
  command = plan

  variables {
    take_back = "acme"
  }

  expect_failures = [var.take_back]
}
