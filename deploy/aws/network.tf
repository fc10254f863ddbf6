locals {
  makes_network = var.network == null
  network = local.makes_network ? {
    vpc_id                   = aws_vpc.this[0].id
    task_subnet_ids          = aws_subnet.public[*].id
    database_subnet_ids      = aws_subnet.database[*].id
    load_balancer_subnet_ids = aws_subnet.public[*].id
    # A NAT gateway would cost more than all tasks. The security groups let nothing in from outside.
    tasks_get_public_ip = true
  } : var.network
  zones         = slice(data.aws_availability_zones.available.names, 0, 2)
  vpc_cidr      = local.makes_network ? "10.40.0.0/16" : data.aws_vpc.existing[0].cidr_block
  has_oidc      = nonsensitive(var.oidc != null)
  allowed_cidrs = coalesce(var.allowed_cidrs, local.has_oidc ? ["0.0.0.0/0"] : [local.vpc_cidr])
}

data "aws_vpc" "existing" {
  count = local.makes_network ? 0 : 1
  id    = var.network.vpc_id
}

resource "aws_vpc" "this" {
  count                = local.makes_network ? 1 : 0
  cidr_block           = local.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_internet_gateway" "this" {
  count  = local.makes_network ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "public" {
  count             = local.makes_network ? 2 : 0
  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(aws_vpc.this[0].cidr_block, 8, count.index)
  availability_zone = local.zones[count.index]
  tags              = { Name = "${var.name}-public-${local.zones[count.index]}" }
}

resource "aws_subnet" "database" {
  count             = local.makes_network ? 2 : 0
  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(aws_vpc.this[0].cidr_block, 8, 10 + count.index)
  availability_zone = local.zones[count.index]
  tags              = { Name = "${var.name}-database-${local.zones[count.index]}" }
}

resource "aws_route_table" "public" {
  count  = local.makes_network ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this[0].id
  }
}

resource "aws_route_table_association" "public" {
  count          = local.makes_network ? 2 : 0
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

# Traffic to the lake stays within AWS and is free.
resource "aws_vpc_endpoint" "s3" {
  count           = local.makes_network ? 1 : 0
  vpc_id          = aws_vpc.this[0].id
  service_name    = "com.amazonaws.${var.region}.s3"
  route_table_ids = [aws_route_table.public[0].id]
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "The door of the UI"
  vpc_id      = local.network.vpc_id
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "All tasks"
  vpc_id      = local.network.vpc_id
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "Postgres"
  vpc_id      = local.network.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each          = toset(local.allowed_cidrs)
  security_group_id = aws_security_group.load_balancer.id
  description       = "Users of the UI"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.ui_port
  to_port           = local.ui_port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_webserver" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "The UI"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 3000
  to_port                      = 3000
}

# The load balancer requests tokens from the identity provider.
resource "aws_vpc_security_group_egress_rule" "load_balancer_to_oidc" {
  count             = local.has_oidc ? 1 : 0
  security_group_id = aws_security_group.load_balancer.id
  description       = "The identity provider"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_load_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "The UI"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 3000
  to_port                      = 3000
}

resource "aws_vpc_security_group_ingress_rule" "code_from_tasks" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "The code location"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 4000
  to_port                      = 4000
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id = aws_security_group.tasks.id
  description       = "Twitch, AWS, the database"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "database_from_tasks" {
  security_group_id            = aws_security_group.database.id
  description                  = "Tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
