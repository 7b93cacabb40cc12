# The plan of each case. check_plans.py compares whole plans with the files in
# golden/. The asserts here say what each case is about.

mock_provider "google" {
  source = "./tests/infra/mocks/planned"
}
mock_provider "google-beta" {
  source = "./tests/infra/mocks/planned"
}
mock_provider "archive" {}
mock_provider "time" {}

variables {
  integrations = { acme = { org = "acme" } }
  project_id   = "demo-project"
  region       = "us-central1"
}

run "one_integration" {
  command = plan

  module {
    source = "./infra"
  }

  assert {
    condition = (
      keys(google_cloud_scheduler_job.run) == ["acme"]
      && keys(google_cloud_scheduler_job.retry) == ["acme"]
    )
    error_message = "Each integration has its two scheduler jobs."
  }

  assert {
    condition     = can(regex("^[0-5]?[0-9] 3 \\* \\* \\*$", google_cloud_scheduler_job.run["acme"].schedule))
    error_message = "Without a schedule, an integration runs once a day."
  }

  assert {
    condition = jsondecode(base64decode(
      google_cloud_scheduler_job.run["acme"].pubsub_target[0].data
    )) == { integration = "acme", trigger = "schedule" }
    error_message = "The schedule must send the message that the function reads."
  }

  assert {
    condition     = google_cloudfunctions2_function.extract.service_config[0].max_instance_count == 3
    error_message = "There are two more instances than integrations."
  }
}

run "three_integrations" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = {
      acme = { org = "acme" }
      acme_eu = {
        history_start = "24 months"
        org           = "acme-eu"
        personal_data = false
        rate_share    = 0.3
        schedule      = "30 1 * * *"
        time_zone     = "Europe/Zurich"
      }
      weekly = { org = "other", schedule = "0 5 * * 1" }
    }
    labels              = { team = "data" }
    location            = "EU"
    notification_emails = ["data@example.com", "ops@example.com"]
    region              = "europe-west1"
  }

  assert {
    condition     = keys(google_secret_manager_secret.api_key) == ["acme", "acme_eu", "weekly"]
    error_message = "Each integration has its own secret."
  }

  assert {
    condition     = keys(google_monitoring_alert_policy.not_settled) == ["acme", "acme_eu"]
    error_message = "An integration that runs once a week has no alert after a day."
  }
}

run "encrypted" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    kms_key_name = "projects/keys/locations/us-central1/keyRings/ring/cryptoKeys/key"
  }

  assert {
    condition = alltrue([
      for key in [
        google_artifact_registry_repository.images.kms_key_name,
        google_bigquery_dataset.staging.default_encryption_configuration[0].kms_key_name,
        google_bigquery_dataset.tables.default_encryption_configuration[0].kms_key_name,
        google_cloudfunctions2_function.extract.kms_key_name,
        google_firestore_database.config.cmek_config[0].kms_key_name,
        google_pubsub_topic.dead_letter.kms_key_name,
        google_pubsub_topic.trigger.kms_key_name,
        google_secret_manager_secret.api_key["acme"].replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name,
        google_storage_bucket.source.encryption[0].default_kms_key_name,
      ] : key == var.kms_key_name
    ])
    error_message = "The key encrypts everything that is stored."
  }
}

run "trial" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    deletion_protection = false
    firestore           = { daily_backup = false, point_in_time_recovery = false }
  }

  assert {
    condition = (
      google_bigquery_dataset.tables.delete_contents_on_destroy &&
      google_firestore_database.config.delete_protection_state == "DELETE_PROTECTION_DISABLED" &&
      google_firestore_database.config.deletion_policy == "DELETE"
    )
    error_message = "After a trial, destroy leaves nothing behind."
  }
}

run "audited" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    firestore = { audit_writes = true }
  }

  assert {
    condition = (
      google_project_iam_audit_config.config[0].service == "datastore.googleapis.com" &&
      [for log in google_project_iam_audit_config.config[0].audit_log_config : log.log_type] == ["DATA_WRITE"]
    )
    error_message = "Writes to Firestore are logged, and reads are not."
  }
}

# All roles that people can have, for the table of rights in infra/README.md.
run "everyone" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    kms_key_name = "projects/keys/locations/us-central1/keyRings/ring/cryptoKeys/key"
    people = {
      analysts  = ["group:analysts@example.com"]
      editors   = ["group:editors@example.com"]
      operators = ["group:operators@example.com"]
    }
  }
}

run "key_through_terraform" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    api_keys     = { acme = "canary-of-an-api-key" }
    integrations = { acme = { api_key_version = "1", org = "acme" } }
  }

  assert {
    condition     = keys(google_secret_manager_secret_version.api_key) == ["acme"]
    error_message = "The key is written to a version of the secret."
  }
}
