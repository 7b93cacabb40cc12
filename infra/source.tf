# The function's code: it is zipped, uploaded under the hash of its content,
# and built into an image by a service account that has no other right.

locals {
  _root = "${path.module}/.."

  # The content of the zip, by path. The buildpack needs requirements.txt at
  # the root. Tests, infra, and files that tools leave beside the code are left
  # out. tests/infra/test_bundle.py compares this with what git tracks.
  _bundle = {
    for path in concat(
      ["functions/main.py", "requirements.txt"],
      tolist(fileset(
        local._root, "functions/kustomer_extract/**/*.{json,py,typed}"
      )),
    ) :
    path => file("${local._root}/${path}")
    if length(regexall(
      "/([.][^/]*|__pycache__|build|dist|[^/]*[.]egg-info)(/|$)", path
    )) == 0
  }
  _bundle_hash = substr(sha256(jsonencode(local._bundle)), 0, 16)
}

data "archive_file" "source" {
  output_path = "${path.module}/.build/source.zip"
  type        = "zip"

  dynamic "source" {
    for_each = local._bundle
    content {
      content  = source.value
      filename = source.key
    }
  }
}

resource "google_storage_bucket" "source" {
  name = "${var.project_id}-${var.name}-source"

  force_destroy               = true # the code is in the repository, too
  location                    = var.region
  project                     = var.project_id
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  dynamic "encryption" {
    for_each = var.kms_key_name[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  versioning {
    enabled = true
  }

  depends_on = [time_sleep.foundations]
}

# The function is built again only when this name changes.
resource "google_storage_bucket_object" "source" {
  name = "source-${local._bundle_hash}.zip"

  bucket = google_storage_bucket.source.name
  source = data.archive_file.source.output_path
}

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name

  description  = "Images of the Kustomer extractor, built by Cloud Build."
  format       = "DOCKER"
  kms_key_name = var.kms_key_name
  location     = var.region
  project      = var.project_id

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s" # 30 days
    }
  }

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_service_account" "build" {
  account_id = "${var.name}-build"

  create_ignore_already_exists = true # an interrupted apply may have made it
  display_name                 = "Kustomer extractor: builds the function's image"
  project                      = var.project_id
  depends_on                   = [time_sleep.foundations]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.images.name

  location = var.region
  member   = google_service_account.build.member
  project  = var.project_id
  role     = "roles/artifactregistry.writer"
}

resource "google_project_iam_member" "build_logs" {
  member  = google_service_account.build.member
  project = var.project_id
  role    = "roles/logging.logWriter"
}

# Cloud Run functions copies the zip to a bucket that Google creates, and
# builds from there.
resource "google_project_iam_member" "build_source" {
  member  = google_service_account.build.member
  project = var.project_id
  role    = "roles/storage.objectViewer"

  condition {
    title      = "only-function-sources"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

# A build fails if it starts before these rights are effective, and is not
# repeated.
resource "time_sleep" "build_rights" {
  create_duration = "90s"

  triggers = {
    roles = join(" ", [
      google_artifact_registry_repository_iam_member.build.role,
      google_project_iam_member.build_logs.role,
      google_project_iam_member.build_source.role,
    ])
  }
}
