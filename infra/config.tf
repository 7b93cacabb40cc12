# Firestore: the configuration documents that people edit, and the state and
# history of runs, which the function writes.

locals {
  # What people created or edited survives `terraform destroy` and the removal
  # of an integration, unless `deletion_protection` is false. The variable
  # `take_back` of the root module imports it again.
  _deletion_policy = var.deletion_protection ? "ABANDON" : "DELETE"

  _firestore_location = coalesce(var.firestore.location, var.region)

  # By how many percent a table may shrink. The default is 10.
  _max_drop_percent = { satisfaction = 90, teams = 50, users = 50 }

  # These tables only give names to ids in the others: not selected at first.
  _lookups = ["teams", "users"]

  # The schema files of the package are the only source of tables and columns.
  # Files whose names begin with _ are the function's own tables.
  _schema_files = "${local._root}/functions/kustomer_extract/schemas"
  _schemas = {
    for name in fileset(local._schema_files, "*.json") :
    trimsuffix(name, ".json") => jsondecode(file(
      "${local._schema_files}/${name}"
    ))
    if !startswith(name, "_")
  }
  _always_selected = ["_batch_id", "_batch_runtime", "id", "type"]

  # A boolean per column, and one per field of a RECORD, in Firestore's format
  # of values: once with personal data and once without. Without it, columns
  # that the schema marks as content are false, because true would select them.
  # The custom attributes are always true: their names decide which are read.
  _columns = {
    for personal_data in [true, false] : personal_data => {
      for table, fields in local._schemas :
      table => merge(
        {
          for field in fields : field.name => {
            booleanValue = (
              personal_data || try(field.personal, "") != "content"
            )
          }
          if !can(field.fields) && !contains(local._always_selected, field.name)
        },
        {
          for field in fields :
          field.name => { mapValue = { fields = {
            for inner in field.fields : inner.name => {
              booleanValue = (
                personal_data || inner.name == "custom" ||
                try(inner.personal, "") != "content"
              )
            }
          } } }
          if can(field.fields)
        },
      )
    }
  }

  _tables = {
    for personal_data, tables in local._columns : personal_data => {
      for table, columns in tables :
      table => { mapValue = { fields = {
        columns = { mapValue = { fields = columns } }
        max_drop_percent = {
          integerValue = tostring(lookup(local._max_drop_percent, table, 10))
        }
        selected = { booleanValue = !contains(local._lookups, table) }
      } } }
    }
  }

  # Limits a role to this database of the project:
  # https://cloud.google.com/firestore/docs/manage-databases, read 2026-11-23.
  _only_this_database = {
    title = "only-${google_firestore_database.config.name}"
    expression = format(
      "resource.name == \"projects/%s/databases/%s\"",
      var.project_id, google_firestore_database.config.name
    )
  }
}

resource "google_firestore_database" "config" {
  name = var.name

  location_id = local._firestore_location
  project     = var.project_id
  type        = "FIRESTORE_NATIVE"

  delete_protection_state = (
    var.deletion_protection
    ? "DELETE_PROTECTION_ENABLED"
    : "DELETE_PROTECTION_DISABLED"
  )
  deletion_policy = local._deletion_policy
  point_in_time_recovery_enablement = (
    var.firestore.point_in_time_recovery
    ? "POINT_IN_TIME_RECOVERY_ENABLED"
    : "POINT_IN_TIME_RECOVERY_DISABLED"
  )

  dynamic "cmek_config" {
    for_each = var.kms_key_name[*]
    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [time_sleep.foundations]
}

resource "google_firestore_backup_schedule" "daily" {
  count = var.firestore.daily_backup ? 1 : 0

  database        = google_firestore_database.config.name
  deletion_policy = local._deletion_policy
  project         = var.project_id
  retention       = "604800s" # 7 days

  daily_recurrence {}
}

# This replaces all audit log settings that the project has for Firestore:
# Google keeps the settings of a service as one value. So it is off by default.
# All of Firestore has this service name:
# https://cloud.google.com/firestore/docs/audit-logging, read 2026-11-27.
resource "google_project_iam_audit_config" "config" {
  count = var.firestore.audit_writes ? 1 : 0

  project = var.project_id
  service = "datastore.googleapis.com"

  audit_log_config {
    log_type = "DATA_WRITE"
  }

  depends_on = [time_sleep.foundations]
}

# The first content of a document. From then on people edit it, and the
# function writes `_last_run`. Terraform ignores every change of `fields`: an
# added or removed field, or a map in place of a boolean.
resource "google_firestore_document" "integration" {
  for_each = var.integrations

  collection      = "integrations"
  database        = google_firestore_database.config.name
  deletion_policy = local._deletion_policy
  document_id     = each.key
  project         = var.project_id

  fields = jsonencode(merge(
    {
      org           = { stringValue = each.value.org }
      personal_data = { booleanValue = each.value.personal_data }
      rate_share    = { doubleValue = each.value.rate_share }
      source        = { stringValue = "kustomer" }
      status        = { stringValue = "PENDING" }
      tables = { mapValue = {
        fields = local._tables[tostring(each.value.personal_data)]
      } }
      views = { booleanValue = true }
    },
    {
      for start in each.value.history_start[*] :
      "history_start" => { stringValue = start }
    },
  ))

  lifecycle {
    ignore_changes = [fields]
  }
}

# Run documents expire 90 days after their run. No query uses this field, so it
# has no index.
resource "google_firestore_field" "run_expiry" {
  collection      = "runs"
  database        = google_firestore_database.config.name
  deletion_policy = local._deletion_policy
  field           = "expire_at"
  project         = var.project_id

  index_config {}
  ttl_config {}
}

resource "google_project_iam_member" "runtime_config" {
  member  = google_service_account.runtime.member
  project = var.project_id
  role    = "roles/datastore.user"

  condition {
    expression = local._only_this_database.expression
    title      = local._only_this_database.title
  }
}

resource "google_project_iam_member" "editors_config" {
  for_each = var.people.editors

  member  = each.key
  project = var.project_id
  role    = "roles/datastore.user"

  condition {
    expression = local._only_this_database.expression
    title      = local._only_this_database.title
  }
}

# The console lists the project's databases before it opens one.
resource "google_project_iam_member" "editors_list" {
  for_each = var.people.editors

  member  = each.key
  project = var.project_id
  role    = "roles/datastore.viewer"
}
