locals {
  has_certificate = var.certificate_arn != null
  ui_port         = local.has_certificate ? 443 : 80
}

resource "aws_lb" "ui" {
  name                       = var.name
  internal                   = !local.has_oidc
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.load_balancer.id]
  subnets                    = local.network.load_balancer_subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect
  # AWS refuses a public load balancer in a VPC without an internet gateway.
  depends_on = [aws_internet_gateway.this]
  lifecycle {
    precondition {
      condition     = !local.has_oidc || local.has_certificate
      error_message = "oidc needs certificate_arn: a login without TLS is not secure."
    }
    precondition {
      condition     = !local.has_certificate || var.ui_host != null
      error_message = "certificate_arn needs ui_host, the host name in the certificate."
    }
  }
}

resource "aws_lb_target_group" "webserver" {
  name        = var.name
  vpc_id      = local.network.vpc_id
  target_type = "ip"
  port        = 3000
  protocol    = "HTTP"
  # The UI's pages reconnect by themselves.
  deregistration_delay = 30
  health_check {
    path                = "/server_info"
    interval            = 30
    timeout             = 10
    healthy_threshold   = 2
    unhealthy_threshold = 5
  }
}

# Dagster has no login. People log in here, or reach an internal load balancer through your VPN.
resource "aws_lb_listener" "ui" {
  load_balancer_arn = aws_lb.ui.arn
  port              = local.ui_port
  protocol          = local.has_certificate ? "HTTPS" : "HTTP"
  ssl_policy        = local.has_certificate ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  certificate_arn   = var.certificate_arn

  dynamic "default_action" {
    for_each = local.has_oidc ? [1] : []
    content {
      type  = "authenticate-oidc"
      order = 1
      authenticate_oidc {
        issuer                 = var.oidc.issuer
        authorization_endpoint = var.oidc.authorization_endpoint
        token_endpoint         = var.oidc.token_endpoint
        user_info_endpoint     = var.oidc.user_info_endpoint
        client_id              = var.oidc.client_id
        client_secret          = var.oidc.client_secret
      }
    }
  }
  default_action {
    type             = "forward"
    order            = 2
    target_group_arn = aws_lb_target_group.webserver.arn
  }
}
