# The topic that starts runs, its push subscription to the function, and the
# dead-letter topic for messages that could not be delivered.

locals {
  _topic_names = {
    dead_letter = "${var.name}-dead-letter"
    trigger     = "${var.name}-trigger"
  }

  # Built from variables, not read from the topics. If a deleted topic is
  # created again, everything that reads its id would be unknown in the plan.
  _topics = {
    for topic, name in local._topic_names :
    topic => "projects/${var.project_id}/topics/${name}"
  }
}

resource "google_pubsub_topic" "trigger" {
  name = local._topic_names.trigger

  kms_key_name = var.kms_key_name
  project      = var.project_id

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.foundations]
}

# A run that needs another invocation publishes a message for it.
resource "google_pubsub_topic_iam_member" "continue" {
  topic = google_pubsub_topic.trigger.name

  member  = google_service_account.runtime.member
  project = var.project_id
  role    = "roles/pubsub.publisher"
}

# Lets Pub/Sub create tokens of this account. Only projects from before April
# 2021 need this grant; in newer ones Pub/Sub has the right already.
# https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
resource "google_service_account_iam_member" "push" {
  service_account_id = google_service_account.push.name

  member = google_project_service_identity.pubsub.member
  role   = "roles/iam.serviceAccountTokenCreator"
}

resource "google_pubsub_subscription" "push" {
  name = "${var.name}-push"

  ack_deadline_seconds       = local._ack_deadline_seconds
  message_retention_duration = "86400s" # the code drops triggers after 6 h
  project                    = var.project_id
  topic                      = local._topics.trigger

  dead_letter_policy {
    dead_letter_topic     = local._topics.dead_letter
    max_delivery_attempts = 30
  }

  expiration_policy {
    ttl = "" # never; the default is after 31 days without use
  }

  push_config {
    # functions-framework reads the topic from the path. The audience has no
    # path.
    push_endpoint = join("/", [
      google_cloudfunctions2_function.extract.service_config[0].uri,
      local._topics.trigger,
    ])

    oidc_token {
      audience              = google_cloudfunctions2_function.extract.service_config[0].uri
      service_account_email = google_service_account.push.email
    }
  }

  retry_policy {
    maximum_backoff = "600s"
    minimum_backoff = "60s"
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.push,
    google_pubsub_topic.dead_letter,
    google_pubsub_topic.trigger,
    google_service_account_iam_member.push,
  ]
}

resource "google_pubsub_topic" "dead_letter" {
  name = local._topic_names.dead_letter

  kms_key_name = var.kms_key_name
  project      = var.project_id

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.foundations]
}

resource "google_pubsub_subscription" "dead_letter" {
  name = "${var.name}-dead-letter"

  message_retention_duration = "604800s" # 7 days to look at them
  project                    = var.project_id
  topic                      = local._topics.dead_letter

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic.dead_letter]
}

# Pub/Sub's service agent moves messages to the dead-letter topic: it reads the
# subscription and publishes to the topic.
resource "google_pubsub_subscription_iam_member" "dead_letter" {
  subscription = google_pubsub_subscription.push.name

  member  = google_project_service_identity.pubsub.member
  project = var.project_id
  role    = "roles/pubsub.subscriber"

  # If the topic was deleted, its subscription is replaced, and the new one has
  # no grants.
  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.push.id]
  }
}

resource "google_pubsub_topic_iam_member" "dead_letter" {
  topic = google_pubsub_topic.dead_letter.name

  member  = google_project_service_identity.pubsub.member
  project = var.project_id
  role    = "roles/pubsub.publisher"
}
