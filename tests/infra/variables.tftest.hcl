# Every rule of infra/variables.tf refuses a wrong value.

mock_provider "google" {
  source = "./tests/infra/mocks/applied"
}
mock_provider "google-beta" {
  source = "./tests/infra/mocks/applied"
}
mock_provider "archive" {}
mock_provider "time" {}

variables {
  integrations = { acme = { org = "acme" } }
  project_id   = "demo-project"
  region       = "us-central1"
}

run "key_for_unknown_integration" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    api_keys = { other = "k" }
  }

  expect_failures = [var.api_keys]
}

run "key_without_version" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    api_keys = { acme = "k" }
  }

  expect_failures = [var.api_keys]
}

run "version_without_key" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { api_key_version = "1", org = "acme" } }
  }

  expect_failures = [var.api_keys]
}

run "firestore_location" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    firestore = { location = "Zurich" }
  }

  expect_failures = [var.firestore]
}

run "integration_name" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { Acme-EU = { org = "acme" } }
  }

  expect_failures = [var.integrations]
}

run "integration_name_length" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { a1234567890123456789012345678901234567890 = { org = "acme" } }
  }

  expect_failures = [var.integrations]
}

run "org_as_address" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { org = "https://acme.kustomerapp.com" } }
  }

  expect_failures = [var.integrations]
}

run "history_start" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { history_start = "01/02/2019", org = "acme" } }
  }

  expect_failures = [var.integrations]
}

run "rate_share_zero" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { org = "acme", rate_share = 0 } }
  }

  expect_failures = [var.integrations]
}

run "rate_share_percent" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { org = "acme", rate_share = 60 } }
  }

  expect_failures = [var.integrations]
}

run "schedule_in_words" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { org = "acme", schedule = "every 24 hours" } }
  }

  expect_failures = [var.integrations]
}

run "time_zone" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme = { org = "acme", time_zone = "+02:00" } }
  }

  expect_failures = [var.integrations]
}

run "api_key_version" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    api_keys     = { acme = "k" }
    integrations = { acme = { api_key_version = "0", org = "acme" } }
  }

  expect_failures = [var.integrations]
}

run "kms_key_version" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    kms_key_name = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
  }

  expect_failures = [var.kms_key_name]
}

run "kms_key_in_another_region" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    kms_key_name = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
  }

  expect_failures = [var.kms_key_name]
}

run "kms_key_and_location" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    kms_key_name = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    location     = "EU"
  }

  expect_failures = [var.kms_key_name]
}

run "labels" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    labels = { Team = "data" }
  }

  expect_failures = [var.labels]
}

run "location" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    location = "europe"
  }

  expect_failures = [var.location]
}

run "memory_that_is_too_small" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    memory = "256Mi"
  }

  expect_failures = [var.memory]
}

run "name_length" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    name = "kus"
  }

  expect_failures = [var.name]
}

run "name_end" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    name = "kustomer-"
  }

  expect_failures = [var.name]
}

run "notification_email" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    notification_emails = ["data team"]
  }

  expect_failures = [var.notification_emails]
}

run "everybody" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    people = { analysts = ["allUsers"] }
  }

  expect_failures = [var.people]
}

run "bare_address" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    people = { operators = ["ann@example.com"] }
  }

  expect_failures = [var.people]
}

run "project_number" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "zone" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    region = "us-central1-a"
  }

  expect_failures = [var.region]
}

run "label_without_value" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    labels = { team = "" }
  }

  expect_failures = [var.labels]
}

run "time_travel_in_part_of_a_day" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    time_travel_hours = 60
  }

  expect_failures = [var.time_travel_hours]
}

run "time_travel_of_a_day" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    time_travel_hours = 24
  }

  expect_failures = [var.time_travel_hours]
}

# Terraform silently drops attributes that an object type does not have.
run "unknown_name_of_an_integration" {
  command = plan

  variables {
    integrations = { acme = { org = "acme", timezone = "Europe/Zurich" } }
  }

  expect_failures = [output.deployment]
}

run "unknown_name_of_people" {
  command = plan

  variables {
    people = { analyst = ["group:analysts@example.com"] }
  }

  expect_failures = [output.deployment]
}

run "unknown_name_of_firestore" {
  command = plan

  variables {
    firestore = { daily_backups = false }
  }

  expect_failures = [output.deployment]
}

run "unknown_name_of_take_back" {
  command = plan

  variables {
    take_back = { integration = ["acme"] }
  }

  expect_failures = [output.deployment]
}

run "problems_of_unknown_names" {
  command = plan

  module {
    source = "./infra/names"
  }

  variables {
    given = {
      firestore           = ["daily_backup"]
      "integrations.acme" = ["org", "timezone", "x"]
      people              = ["Analyst"]
    }
    known = {
      firestore           = ["daily_backup", "location"]
      "integrations.acme" = ["org", "schedule", "time_zone"]
      people              = ["analysts", "editors", "operators"]
    }
  }

  assert {
    condition = output.problems == [
      "integrations.acme.timezone is unknown. Did you mean time_zone?",
      "integrations.acme.x is unknown. Known names: org, schedule, time_zone.",
      "people.Analyst is unknown. Did you mean analysts?",
    ]
    error_message = "There is one sentence for each unknown name."
  }
}

run "no_names" {
  command = plan

  module {
    source = "./infra/names"
  }

  variables {
    given = {}
    known = {}
  }

  assert {
    condition     = length(output.problems) == 0
    error_message = "Without names there are no problems."
  }
}

# The root module passes every variable on. An unset one gets its default.
run "root" {
  command = plan

  assert {
    condition     = output.deployment.dataset == "kustomer"
    error_message = "An unset name means the default."
  }

  assert {
    condition     = keys(output.links) == ["acme"]
    error_message = "Each integration has its links."
  }
}

run "root_with_everything" {
  command = plan

  variables {
    api_keys            = { acme = "canary-of-an-api-key" }
    deletion_protection = false
    firestore           = { daily_backup = false }
    integrations        = { acme = { api_key_version = 1, org = "acme" } }
    labels              = { team = "data" }
    location            = "EU"
    memory              = "1Gi"
    name                = "kustomer-eu"
    notification_emails = ["data@example.com"]
    people              = { analysts = ["group:analysts@example.com"] }
    region              = "europe-west1"
    time_travel_hours   = 48
  }

  assert {
    condition = output.deployment == {
      dataset            = "kustomer_eu"
      firestore_database = "kustomer-eu"
      function           = "kustomer-eu-extract"
      integrations       = tolist(["acme"])
      project_id         = "demo-project"
      region             = "europe-west1"
      topic              = "kustomer-eu-trigger"
    }
    error_message = "The variables determine every name."
  }
}
