# What `terraform destroy` leaves alone while `deletion_protection` is on, and
# what the removal of an integration does, is there already when the next
# apply wants to make it. With this variable that apply takes it back instead.
# What Terraform knows is not imported again: the variable may stay set.

variable "take_back" {
  description = "What an earlier destroy, or the removal of an integration, left."
  type = object({
    backup_schedule = optional(string)          # its id
    deployment      = optional(bool, false)     # the database and the dataset
    integrations    = optional(set(string), []) # documents and API keys
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name in var.take_back.integrations :
      contains(keys(var.integrations), name)
    ])
    error_message = "Name in take_back.integrations only what is in integrations, too."
  }

  validation {
    condition = (
      var.take_back.backup_schedule == null ||
      can(regex("^[A-Za-z0-9-]+$", var.take_back.backup_schedule))
    )
    error_message = "Set take_back.backup_schedule to what follows backupSchedules/ in the output of `gcloud firestore backups schedules list`."
  }
}

import {
  for_each = toset(var.take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.database
  to = module.extract.google_firestore_database.config
}

import {
  for_each = toset(var.take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.run_expiry
  to = module.extract.google_firestore_field.run_expiry
}

import {
  for_each = toset(var.take_back.deployment ? ["kept"] : [])

  id = module.extract.import_ids.dataset
  to = module.extract.google_bigquery_dataset.tables
}

import {
  for_each = toset(var.take_back.backup_schedule[*])

  id = "${module.extract.import_ids.database}/backupSchedules/${each.key}"
  to = module.extract.google_firestore_backup_schedule.daily[0]
}

import {
  for_each = var.take_back.integrations

  id = module.extract.import_ids.documents[each.key]
  to = module.extract.google_firestore_document.integration[each.key]
}

import {
  for_each = var.take_back.integrations

  id = module.extract.import_ids.secrets[each.key]
  to = module.extract.google_secret_manager_secret.api_key[each.key]
}
