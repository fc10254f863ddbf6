variable "name" {
  description = "Name of this deployment, used in the names of its resources."
  type        = string
  default     = "vieweratlas"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 20
    error_message = "name starts with a letter and has 3 to 20 characters: a-z, 0-9 and single hyphens."
  }
  validation {
    condition     = !startswith(var.name, "internal-") && !startswith(var.name, "sg-")
    error_message = "AWS reserves names that start with internal- or sg-."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "image_tag" {
  description = "Tag of the image in the registry. deploy.sh sets it to the commit."
  type        = string
}

variable "network" {
  description = "Existing VPC and subnets to use. Null creates a VPC. In subnets without NAT, set tasks_get_public_ip."
  type = object({
    vpc_id                   = string
    task_subnet_ids          = list(string)
    database_subnet_ids      = list(string)
    load_balancer_subnet_ids = list(string)
    tasks_get_public_ip      = bool
  })
  default = null
}

variable "oidc" {
  description = "Identity provider (OIDC) that people log in to before they reach the UI; the load balancer is public then. Null makes the load balancer internal."
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
    client_secret          = string
  })
  default   = null
  sensitive = true
}

variable "certificate_arn" {
  description = "ARN of the TLS certificate for ui_host. Without one, the internal load balancer serves HTTP."
  type        = string
  default     = null
}

variable "ui_host" {
  description = "Host name of the UI, as in the certificate. Null uses the name of the load balancer."
  type        = string
  default     = null
}

variable "allowed_cidrs" {
  description = "Addresses that may reach the load balancer, such as your VPN. Default: the VPC, or everyone if oidc is set."
  type        = list(string)
  default     = null
}

variable "collect" {
  description = "Run the live chat collector. Without a Twitch application, set VIEWERATLAS_COLLECTION__CHANNELS in settings."
  type        = bool
  default     = true
}

variable "vod_workers" {
  description = "Number of VOD workers. With 0, only Dagster runs fetch VOD chat."
  type        = number
  default     = 0
}

variable "schedules" {
  description = "Dagster schedules that are on from the start, separated by commas."
  type        = string
  default     = "daily_atlas_schedule,channel_roster_schedule"
}

variable "settings" {
  description = "Other settings of docs/settings.md, by environment variable. Do not put secrets here."
  type        = map(string)
  default     = {}
  validation {
    condition     = !contains(keys(var.settings), "VIEWERATLAS_COLLECTION__COLLECTOR")
    error_message = "The alarms use the collector's name, so it cannot change."
  }
}

variable "first_day" {
  description = "First day of the lake. Athena does not look for earlier days."
  type        = string
  default     = "2026-01-01"
}

variable "database_instance_class" {
  description = "Size of the database that holds Dagster's history and the VOD queue."
  type        = string
  default     = "db.t4g.micro"
}

variable "protect" {
  description = "Refuse to destroy the lake and the database."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Number of days that CloudWatch keeps logs."
  type        = number
  default     = 30
}

variable "alarm_emails" {
  description = "Email addresses that get alarms and budget warnings. Each has to confirm the subscription."
  type        = list(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "Monthly budget. alarm_emails get a warning at 80 % spent, and when the forecast exceeds the budget. Null: no budget."
  type        = number
  default     = 200
}

variable "athena_workgroup" {
  description = "Create a workgroup and example queries for Athena. The tables are created in any case."
  type        = bool
  default     = true
}

variable "athena_scan_limit_gb" {
  description = "Athena cancels a query that reads more than this. 1,000 GB cost 5 USD."
  type        = number
  default     = 100
}

variable "eventbridge_schedules" {
  description = "Let EventBridge build the daily atlas at 02:00 UTC, instead of Dagster's schedule."
  type        = bool
  default     = false
  validation {
    condition     = !(var.eventbridge_schedules && strcontains(var.schedules, "daily_atlas_schedule"))
    error_message = "The daily atlas would be built twice: remove daily_atlas_schedule from schedules."
  }
}

variable "eventbridge_vods" {
  description = "Let EventBridge discover VODs and fetch their chat every 6 hours too. Twitch does not document this endpoint (DATA_POLICY.md)."
  type        = bool
  default     = false
  validation {
    condition     = var.eventbridge_schedules || !var.eventbridge_vods
    error_message = "eventbridge_vods needs eventbridge_schedules."
  }
}
