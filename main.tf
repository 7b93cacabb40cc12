# The root module: what `terraform apply` reads first. Everything it makes is
# in ./infra, one file per entity; infra/README.md explains and lists it.
#
#   terraform init
#   terraform apply -var project_id=… -var region=… -var 'integrations={acme={org="acme", personal_data=true}}'
#
# State is kept in this directory; cloudbuild.yaml puts it in a bucket.

terraform {
  required_version = ">= 1.11.0" # write-only arguments

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4.0, < 3.0.0"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45.0, < 9.0.0"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 7.45.0, < 9.0.0"
    }
    time = {
      source  = "hashicorp/time"
      version = ">= 0.11.0, < 1.0.0"
    }
  }
}

provider "google" {
  default_labels = var.labels
  project        = var.project_id
  region         = var.region
}

provider "google-beta" {
  project = var.project_id
  region  = var.region
}

# Types, defaults and rules are those of infra/variables.tf: what is left null
# here gets its default there.

variable "api_keys" {
  description = "Kustomer API keys by integration; better added by gcloud."
  type        = map(string)
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "deletion_protection" {
  description = "Whether what holds data survives `terraform destroy`."
  type        = bool
  default     = null
}

variable "firestore" {
  description = "Place, backup and recovery of the configuration."
  type        = any
  default     = null
}

variable "integrations" {
  description = "Kustomer organisations, each under its permanent name."
  type        = any
}

variable "kms_key_name" {
  description = "Your own encryption key for everything that is stored."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels for everything that can have some."
  type        = map(string)
  default     = null
}

variable "location" {
  description = "Where BigQuery keeps the tables; cannot be changed later."
  type        = string
  default     = null
}

variable "memory" {
  description = "Of a function's instance; 512Mi, unless given."
  type        = string
  default     = null
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = null
}

variable "notification_emails" {
  description = "Who gets the alerts."
  type        = set(string)
  default     = null
}

variable "people" {
  description = "Who may read tables, edit the configuration, operate."
  type        = any
  default     = null
}

variable "project_id" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything is and runs; cannot be changed later."
  type        = string
}

variable "time_travel_hours" {
  description = "For how long BigQuery keeps what tables held before."
  type        = number
  default     = null
}

module "extract" {
  source = "./infra"

  api_keys            = var.api_keys
  deletion_protection = var.deletion_protection
  firestore           = var.firestore
  integrations        = var.integrations
  kms_key_name        = var.kms_key_name
  labels              = var.labels
  location            = var.location
  memory              = var.memory
  name                = var.name
  notification_emails = var.notification_emails
  people              = var.people
  project_id          = var.project_id
  region              = var.region
  time_travel_hours   = var.time_travel_hours
}

# Terraform drops unknown names without a word. The types of infra/variables.tf
# cannot see them, so the objects are of type `any` here.
module "names" {
  source = "./infra/names"

  given = merge(
    {
      firestore = try(keys(var.firestore), [])
      people    = try(keys(var.people), [])
      take_back = try(keys(var.take_back), [])
    },
    {
      for name, integration in var.integrations :
      "integrations.${name}" => try(keys(integration), [])
    },
  )
  known = merge(
    {
      firestore = module.extract.names.firestore
      people    = module.extract.names.people
      take_back = keys(local._take_back)
    },
    {
      for name in keys(var.integrations) :
      "integrations.${name}" => module.extract.names.integrations
    },
  )
}

output "dashboard" {
  description = "The page with rows, minutes, retries and drift."
  value       = module.extract.dashboard
}

output "deployment" {
  description = "Names that scripts and the command line need."
  value       = module.extract.deployment

  precondition {
    condition     = length(module.names.problems) == 0
    error_message = join(" ", module.names.problems)
  }
}

output "key_commands" {
  description = "The command that adds each integration's API key."
  value       = module.extract.key_commands
}

output "links" {
  description = "Console pages of each integration."
  value       = module.extract.links
}
