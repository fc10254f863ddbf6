# Passwords and keys are not in the state, except for the client secret of oidc, if you use it. Keep the state in a
# private bucket, with your own backend.tf: https://developer.hashicorp.com/terraform/language/backend/s3
terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { Application = var.name }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_availability_zones" "available" {
  state = "available"
}
