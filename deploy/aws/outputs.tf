output "region" {
  description = "Where it is."
  value       = var.region
}

output "image_tag" {
  description = "The image that runs."
  value       = var.image_tag
}

output "repository_url" {
  description = "Where images are pushed to."
  value       = aws_ecr_repository.images.repository_url
}

output "cluster" {
  description = "The ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "services" {
  description = "Its services."
  value       = sort([for service in aws_ecs_service.this : service.name])
}

output "ui_url" {
  description = "The Dagster UI, for those whom the load balancer lets in."
  value       = "${local.has_certificate ? "https" : "http"}://${coalesce(var.ui_host, aws_lb.ui.dns_name)}"
}

output "lake" {
  description = "The lake: VIEWERATLAS_ROOT."
  value       = local.root
}

output "secrets" {
  description = "Secrets to fill in: twitch and, for those who want to be left out, opt-out."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.name }
}
