# One deployment over time. The runs share their state, in this order.
# check_plans.py checks what the plans would change.

mock_provider "google" {
  source = "./tests/infra/mocks/applied"
}
mock_provider "google-beta" {
  source = "./tests/infra/mocks/applied"
}
mock_provider "archive" {}
mock_provider "time" {}

variables {
  api_keys = {} # `terraform test` cannot apply an ephemeral default
  integrations = {
    acme    = { org = "acme" }
    acme_eu = { history_start = "2019-01-01", org = "acme-eu" }
  }
  project_id = "demo-project"
  region     = "us-central1"
}

run "first_apply" {
  command = apply

  module {
    source = "./infra"
  }

  assert {
    condition = (
      google_pubsub_subscription.push.push_config[0].push_endpoint ==
      "${google_cloudfunctions2_function.extract.service_config[0].uri}/projects/demo-project/topics/${google_pubsub_topic.trigger.name}"
    )
    error_message = "The endpoint's path names the topic, because functions-framework reads it there."
  }

  assert {
    condition = (
      google_pubsub_subscription.push.push_config[0].oidc_token[0].audience ==
      google_cloudfunctions2_function.extract.service_config[0].uri &&
      startswith(google_cloudfunctions2_function.extract.service_config[0].uri, "https://")
    )
    error_message = "The audience is the service's URL, without a path."
  }
}

run "second_plan" {
  command = plan

  module {
    source = "./infra"
  }
}

run "console_edits" {
  command = plan

  module {
    source = "./infra"
  }

  # The stored document differs from what Terraform would create: one field
  # more, one field less, other values. Terraform writes nothing again.
  variables {
    integrations = {
      acme = {
        history_start = "24 months"
        org           = "other"
        personal_data = false
        rate_share    = 0.1
      }
      acme_eu = { org = "acme-eu" }
    }
  }
}

# Somebody deleted resources whose ids no other resource may read. A plan with
# -replace shows the same as a plan after the deletion.
run "made_again" {
  command = plan

  module {
    source = "./infra"
  }

  plan_options {
    replace = [
      google_monitoring_dashboard.runs,
      google_pubsub_topic.dead_letter,
      google_pubsub_topic.trigger,
    ]
  }
}

run "integration_added" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = {
      acme    = { org = "acme" }
      acme_eu = { org = "acme-eu" }
      other   = { org = "other" }
    }
  }
}

run "integration_removed" {
  command = plan

  module {
    source = "./infra"
  }

  variables {
    integrations = { acme_eu = { org = "acme-eu" } }
  }
}
