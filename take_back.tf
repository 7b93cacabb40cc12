# While `deletion_protection` is on, `terraform destroy` and the removal of an
# integration do not delete what holds data. A later apply would fail, because
# it tries to create what exists. With this variable it imports it instead.
# Terraform does not import again what its state has, so the variable may stay.

variable "take_back" {
  description = "What an earlier destroy or the removal of an integration left behind."
  type        = any # main.tf refuses unknown names
  default     = {}
  nullable    = false

  validation {
    condition = (
      can(keys(var.take_back)) &&
      can(tobool(try(var.take_back.deployment, false)))
    )
    error_message = "Set take_back to an object whose deployment is true or false, for example { deployment = true, integrations = [\"acme\"] }."
  }

  validation {
    condition = try(alltrue([
      for name in try(var.take_back.integrations, []) :
      contains(keys(var.integrations), name)
    ]), false)
    error_message = "Set take_back.integrations to a list, for example [\"acme\"]. Each name in it must also be in integrations."
  }

  validation {
    condition = (
      try(var.take_back.backup_schedule, null) == null ||
      can(regex("^[A-Za-z0-9-]+$", var.take_back.backup_schedule))
    )
    error_message = "Set take_back.backup_schedule to what follows backupSchedules/ in the output of `gcloud firestore backups schedules list`."
  }
}

# The validations above have refused every value that these cannot convert.
locals {
  _take_back = {
    # The id of the backup schedule.
    backup_schedule = try(tostring(var.take_back.backup_schedule), null)
    # Whether the database and the dataset exist.
    deployment = coalesce(try(tobool(var.take_back.deployment), false), false)
    # The integrations whose documents and secrets exist.
    integrations = try(toset(var.take_back.integrations), toset([]))
  }
}

import {
  for_each = toset(local._take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.database
  to = module.extract.google_firestore_database.config
}

import {
  for_each = toset(local._take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.run_expiry
  to = module.extract.google_firestore_field.run_expiry
}

import {
  for_each = toset(local._take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.dataset
  to = module.extract.google_bigquery_dataset.tables
}

import {
  for_each = toset(local._take_back.backup_schedule[*])

  id = "${module.extract.import_ids.database}/backupSchedules/${each.key}"
  to = module.extract.google_firestore_backup_schedule.daily[0]
}

import {
  for_each = local._take_back.integrations

  id = module.extract.import_ids.documents[each.key]
  to = module.extract.google_firestore_document.integration[each.key]
}

import {
  for_each = local._take_back.integrations

  id = module.extract.import_ids.secrets[each.key]
  to = module.extract.google_secret_manager_secret.api_key[each.key]
}
