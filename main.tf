# The root module, from which `terraform apply` starts. All resources are in
# ./infra. infra/README.md explains its files.
#
#   terraform init
#   terraform apply -var project_id=… -var region=… -var 'integrations={acme={org="acme", personal_data=true}}'
#
# Terraform keeps its state in this directory. With cloudbuild.yaml it is in a
# bucket.

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

# infra/variables.tf has the types, defaults and rules. A variable that is null
# here gets its default there.

variable "api_keys" {
  description = "Kustomer API keys by integration. Adding them with gcloud is better."
  type        = map(string)
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "deletion_protection" {
  description = "Whether stored data survives `terraform destroy`."
  type        = bool
  default     = null
}

variable "firestore" {
  description = "Location, backup and recovery of the configuration database."
  type        = any
  default     = null
}

variable "integrations" {
  description = "Kustomer organisations, each under a permanent name."
  type        = any
}

variable "kms_key_name" {
  description = "Your own encryption key for all stored data."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels for every resource that can have labels."
  type        = map(string)
  default     = null
}

variable "location" {
  description = "Where BigQuery keeps the tables; cannot be changed later."
  type        = string
  default     = null
}

variable "memory" {
  description = "Memory of an instance of the function; the default is 512Mi."
  type        = string
  default     = null
}

variable "name" {
  description = "The names of all resources begin with this name."
  type        = string
  default     = null
}

variable "notification_emails" {
  description = "Who gets the alerts."
  type        = set(string)
  default     = null
}

variable "people" {
  description = "Who may read tables, edit the configuration or operate runs."
  type        = any
  default     = null
}

variable "project_id" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where data is stored and code runs; cannot be changed later."
  type        = string
}

variable "time_travel_hours" {
  description = "For how many hours BigQuery keeps earlier contents of tables."
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

# Terraform silently drops attributes that an object type does not have. So the
# objects are of type `any` here, and this module reports unknown names.
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
  description = "The dashboard with rows, minutes, retries and drift."
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
