# With `nullable = false`, null means the default. The root module passes null
# for every variable that was not set.

variable "api_keys" {
  description = <<-EOT
    API keys by integration, for those with an `api_key_version`. They enter
    neither the plan nor the state, so every later plan needs them again. It
    is simpler to leave this empty and to add each key with the command in the
    output `key_commands`.
  EOT
  type        = map(string)
  default     = {}
  ephemeral   = true
  nullable    = false
  sensitive   = true

  validation {
    condition = sort(keys(var.api_keys)) == sort([
      for name, integration in var.integrations :
      name if integration.api_key_version != null
    ])
    error_message = "Give api_keys a key for each integration that has an api_key_version, and for no other."
  }
}

variable "deletion_protection" {
  description = <<-EOT
    Whether the configuration, its backups, the API keys and the tables
    survive `terraform destroy`, and whether an integration's configuration
    document and API key survive its removal. Set it to false for a trial.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "firestore" {
  description = <<-EOT
    The database with the configuration. `location`: the default is the
    region; cannot be changed later. `daily_backup`: a backup every day, kept
    for a week. `point_in_time_recovery`: recovery to any minute of the last
    week. `audit_writes`: the project's audit logs record who writes to
    Firestore; this replaces the project's audit settings for all its
    Firestore databases.
  EOT
  type = object({
    audit_writes           = optional(bool, false)
    daily_backup           = optional(bool, true)
    location               = optional(string)
    point_in_time_recovery = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.firestore.location == null ||
      can(regex("^[a-z]+[a-z0-9-]*[0-9]$", var.firestore.location))
    )
    error_message = "Set firestore.location to a location of Firestore, for example europe-west1, nam5 or eur3, or leave it out to use the region."
  }
}

variable "integrations" {
  description = <<-EOT
    Kustomer organisations, each under a permanent name. The names of its
    tables begin with it. `schedule`: a cron line in `time_zone`; the default
    is every day between 03:00 and 03:59. `rate_share`: the part of the
    organisation's request limit that may be used. `history_start`: older
    conversations are left out. `personal_data`: whether words of and about
    customers are read. `org`, `rate_share`, `history_start` and
    `personal_data` are only the first content of the configuration document;
    change them there later. `api_key_version`: raise it to write the key in
    `api_keys` again.
  EOT
  type = map(object({
    api_key_version = optional(string)
    history_start   = optional(string)
    org             = string
    personal_data   = optional(bool, true)
    rate_share      = optional(number, 0.6)
    schedule        = optional(string)
    time_zone       = optional(string, "Etc/UTC")
  }))
  nullable = false

  validation {
    condition = alltrue([
      for name in keys(var.integrations) :
      can(regex("^[a-z][a-z0-9_]{0,39}$", name))
    ])
    error_message = "Name each integration with a lower-case letter followed by lower-case letters, digits and underscores, 40 characters at most. The name is permanent, and the names of its tables begin with it."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations : can(regex(
        "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$", integration.org
      ))
    ])
    error_message = "Set org to letters, digits and hyphens only: to acme, if you sign in at https://acme.kustomerapp.com."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations :
      integration.history_start == null || can(regex(
        "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        integration.history_start
        )) || can(regex(
        "^[1-9][0-9]{0,3} (day|week|month|year)s?$",
        integration.history_start
      ))
    ])
    error_message = "Write history_start as a date, for example 2019-01-01, or as a period, for example 24 months."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations :
      integration.rate_share > 0 && integration.rate_share <= 1
    ])
    error_message = "Set rate_share to a number above 0 and up to 1, for example 0.6. Everything that uses the organisation's API shares its request limit."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations :
      integration.schedule == null || can(regex(
        "^[0-9*,/-]+( [0-9*,/-]+){2}( [0-9A-Za-z*,/-]+){2}$",
        integration.schedule
      ))
    ])
    error_message = "Write schedule as a cron line of five fields, for example \"30 4 * * *\" for half past four every day, or leave it out."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations : can(regex(
        "^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$",
        integration.time_zone
      ))
    ])
    error_message = "Set time_zone to a name of the tz database, for example Europe/Zurich, or leave it out for Etc/UTC."
  }

  validation {
    condition = alltrue([
      for name, integration in var.integrations :
      integration.api_key_version == null ||
      can(regex("^[1-9][0-9]*$", integration.api_key_version))
    ])
    error_message = "Set api_key_version to a whole number from 1, and raise it whenever the key in api_keys changes; or leave it out and add the key with gcloud."
  }
}

variable "kms_key_name" {
  description = <<-EOT
    The full name of a Cloud KMS key in the region. It encrypts the tables, the
    configuration, the API keys, the messages and the code. Cannot be changed
    later. The default is Google's own keys.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.kms_key_name == null || can(regex(
      "^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$",
      var.kms_key_name
    ))
    error_message = "Set kms_key_name to projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, without a version."
  }

  validation {
    condition = var.kms_key_name == null || alltrue([
      for place in [
        var.region,
        coalesce(var.location, var.region),
        coalesce(var.firestore.location, var.region),
      ] :
      lower(place) == lower(try(split("/", var.kms_key_name)[3], ""))
    ])
    error_message = "With kms_key_name, leave location and firestore.location out and use a key in the region: one key cannot encrypt in several locations."
  }
}

variable "labels" {
  description = "Labels for every resource that can have labels."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.labels :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) &&
      can(regex("^[a-z0-9_-]{1,63}$", value))
    ])
    error_message = "Write labels in lower-case letters, digits, hyphens and underscores, 63 characters at most. A key begins with a letter. A label needs a value: Google drops an empty one, and every plan would add it again."
  }
}

variable "location" {
  description = <<-EOT
    Where BigQuery keeps the tables, for example EU or US. The default is the
    region. Cannot be changed later.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.location == null ||
      can(regex("^([A-Z]{2}|[a-z]+-[a-z]+[0-9]+)$", var.location))
    )
    error_message = "Set location to a location of BigQuery, for example EU, US or europe-west1, or leave it out to use the region."
  }
}

variable "memory" {
  description = <<-EOT
    Memory of an instance of the function: `512Mi`, `1Gi` or `2Gi`. The section
    "What it costs" of infra/README.md says how much each plan of Kustomer
    needs.
  EOT
  type        = string
  default     = "512Mi"
  nullable    = false

  validation {
    condition     = contains(["512Mi", "1Gi", "2Gi"], var.memory)
    error_message = "Set memory to 512Mi, 1Gi or 2Gi; infra/README.md says which plan of Kustomer needs which."
  }
}

variable "name" {
  description = <<-EOT
    The names of all resources begin with this name. The datasets are called
    NAME and NAME_staging. A second deployment in the same project needs
    another name, and other names for its integrations.
  EOT
  type        = string
  default     = "kustomer"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,18}[a-z0-9]$", var.name))
    error_message = "Set name to 4 to 20 lower-case letters, digits and hyphens. It must begin with a letter and must not end with a hyphen."
  }
}

variable "notification_emails" {
  description = "E-mail addresses for alerts. Without any, only the console shows them."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for email in var.notification_emails :
      can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))
    ])
    error_message = "Set notification_emails to e-mail addresses, for example [\"data-team@example.com\"]."
  }
}

variable "people" {
  description = <<-EOT
    Who has rights, besides the project's owners. `analysts` read the tables.
    `editors` edit the configuration documents. `operators` read logs, force
    runs and add API keys. Write members as IAM does.
  EOT
  type = object({
    analysts  = optional(set(string), [])
    editors   = optional(set(string), [])
    operators = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for member in setunion(
        var.people.analysts, var.people.editors, var.people.operators
      ) :
      can(regex(
        "^((user|group|serviceAccount):[^@ ]+@|domain:|principal(Set)?://)[^@ ]+$",
        member
      ))
    ])
    error_message = "Write each member as IAM does, for example group:analysts@example.com or user:ann@example.com; allUsers and allAuthenticatedUsers are not accepted."
  }
}

variable "project_id" {
  description = "The id of the Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition = can(regex(
      "^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id
    ))
    error_message = "Set project_id to the id of a project, not its name or number: 6 to 30 lower-case letters, digits and hyphens. `gcloud projects list` shows it."
  }
}

variable "region" {
  description = <<-EOT
    Where the data is stored and the function runs. There is no default,
    because this is a decision about your customers' data. Cannot be changed
    later.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Set region to a region of Cloud Run functions, for example us-central1 or europe-west1."
  }
}

variable "time_travel_hours" {
  description = <<-EOT
    For how many hours BigQuery keeps earlier contents of the tables: 48 to
    168, in whole days. With fewer hours, deleted data is erased sooner, but
    you cannot restore a table from longer ago.
  EOT
  type        = number
  default     = 168
  nullable    = false

  validation {
    condition     = contains([48, 72, 96, 120, 144, 168], var.time_travel_hours)
    error_message = "Set time_travel_hours to 48, 72, 96, 120, 144 or 168: BigQuery takes two to seven whole days."
  }
}

# The attribute names that the objects above have. The root module compares
# them with the given names. This module cannot: Terraform has already dropped
# the unknown ones.
output "names" {
  description = "The attribute names of firestore, people and an integration."
  value = {
    firestore    = keys(var.firestore)
    integrations = distinct(flatten([for one in var.integrations : keys(one)]))
    people       = keys(var.people)
  }
}
