output "account" {
  description = "AWS account."
  value       = data.aws_caller_identity.current.account_id
}

output "region" {
  description = "AWS region."
  value       = var.region
}

output "image_tag" {
  description = "Tag of the deployed image."
  value       = var.image_tag
}

output "repository_url" {
  description = "Registry that images are pushed to."
  value       = aws_ecr_repository.images.repository_url
}

output "cluster" {
  description = "ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "services" {
  description = "ECS services."
  value       = sort([for service in aws_ecs_service.this : service.name])
}

output "task_definitions" {
  description = "Task definitions that the services must run."
  value       = sort([for definition in aws_ecs_task_definition.this : definition.arn])
}

output "ui_url" {
  description = "Address of the Dagster UI, for everyone whom the load balancer lets in."
  value       = "${local.has_certificate ? "https" : "http"}://${coalesce(var.ui_host, aws_lb.ui.dns_name)}"
}

output "lake" {
  description = "Address of the lake (VIEWERATLAS_ROOT)."
  value       = local.root
}

output "secrets" {
  description = "Names of the secrets. Fill in twitch and, for people who opt out, opt-out."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.name }
}
