variable "name" {
  description = "Name of this deployment; everything is named after it."
  type        = string
  default     = "vieweratlas"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 20
    error_message = "name begins with a letter and has 3 to 20 of a-z, 0-9 and -."
  }
  validation {
    condition     = !startswith(var.name, "internal-") && !startswith(var.name, "sg-")
    error_message = "AWS keeps names that begin with internal- or sg- for itself."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
}

variable "image_tag" {
  description = "Tag of the image in the repository; deploy.sh sets it to the commit."
  type        = string
}

variable "network" {
  description = "Subnets that are there already; null makes a VPC of its own. Without NAT, tasks need public addresses."
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
  description = "Who may open the UI, by your identity provider: a public load balancer asks it. Null: an internal one."
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
  description = "Certificate of the UI's name; without one the internal load balancer speaks HTTP."
  type        = string
  default     = null
}

variable "ui_host" {
  description = "Name under which people open the UI, as in the certificate; null: the load balancer's own."
  type        = string
  default     = null
}

variable "allowed_cidrs" {
  description = "Who reaches the load balancer. Of an internal one: your VPN, or the VPC (the default)."
  type        = list(string)
  default     = null
}

variable "collect" {
  description = "Run the collector of live chat. Without a Twitch application, name the channels in settings."
  type        = bool
  default     = true
}

variable "vod_workers" {
  description = "Tasks that fetch the chat of VODs; 0 leaves it to runs of Dagster."
  type        = number
  default     = 0
}

variable "schedules" {
  description = "Schedules of Dagster that run from the start, separated by commas."
  type        = string
  default     = "daily_atlas_schedule,channel_roster_schedule"
}

variable "settings" {
  description = "Any other setting of docs/settings.md, by its variable. No secrets."
  type        = map(string)
  default     = {}
  validation {
    condition     = !contains(keys(var.settings), "VIEWERATLAS_COLLECTION__COLLECTOR")
    error_message = "The alarms know the collector by its name, so it keeps that."
  }
}

variable "first_day" {
  description = "The first day of the lake: Athena looks for none before it."
  type        = string
  default     = "2026-01-01"
}

variable "database_instance_class" {
  description = "Size of the database of Dagster's history and the queue."
  type        = string
  default     = "db.t4g.micro"
}

variable "protect" {
  description = "Keep the lake and the database when the stack is destroyed."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps logs."
  type        = number
  default     = 30
}

variable "alarm_emails" {
  description = "Who is told of alarms and of the budget; each must confirm."
  type        = list(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "Budget of the deployment: at 80 % spent, and when all of it is forecast, alarm_emails are told. Null: none."
  type        = number
  default     = 200
}

variable "athena_workgroup" {
  description = "Make a workgroup and queries for Athena; the tables are there in any case."
  type        = bool
  default     = true
}

variable "athena_scan_limit_gb" {
  description = "A query that reads more is ended: 1,000 GB cost 5 USD."
  type        = number
  default     = 100
}

variable "eventbridge_schedules" {
  description = "Start the day's atlas (02:00 UTC) by EventBridge, without Dagster's schedule."
  type        = bool
  default     = false
  validation {
    condition     = !(var.eventbridge_schedules && strcontains(var.schedules, "daily_atlas_schedule"))
    error_message = "The day's atlas would be made twice: take daily_atlas_schedule out of schedules."
  }
}

variable "eventbridge_vods" {
  description = "Look for VODs and fetch their chat by EventBridge too, every 6 hours; Twitch documents no such door (DATA_POLICY.md)."
  type        = bool
  default     = false
  validation {
    condition     = var.eventbridge_schedules || !var.eventbridge_vods
    error_message = "eventbridge_vods needs eventbridge_schedules."
  }
}
