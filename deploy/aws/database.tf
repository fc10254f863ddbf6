# Letters and digits only, because it becomes part of a URL.
ephemeral "aws_secretsmanager_random_password" "database" {
  password_length     = 40
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "pseudonym_key" {
  password_length     = 64
  exclude_punctuation = true
}

locals {
  # Raise this to create a new password.
  password_version = 1
}

# Stored before it is used, so that an interrupted apply continues with the same password.
resource "aws_secretsmanager_secret_version" "database_password" {
  secret_id                = aws_secretsmanager_secret.this["database-password"].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.database.random_password
  secret_string_wo_version = local.password_version
}

ephemeral "aws_secretsmanager_secret_version" "database_password" {
  secret_id = aws_secretsmanager_secret_version.database_password.secret_id
  # Known only after it is written, so a plan does not read a version that does not exist yet.
  version_id = aws_secretsmanager_secret_version.database_password.version_id
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = local.network.database_subnet_ids
}

resource "aws_db_instance" "this" {
  identifier                 = var.name
  engine                     = "postgres"
  engine_version             = "16"
  instance_class             = var.database_instance_class
  allocated_storage          = 20
  max_allocated_storage      = 100
  storage_type               = "gp3"
  storage_encrypted          = true
  db_name                    = "vieweratlas"
  username                   = "atlas"
  password_wo                = ephemeral.aws_secretsmanager_secret_version.database_password.secret_string
  password_wo_version        = local.password_version
  db_subnet_group_name       = aws_db_subnet_group.this.name
  vpc_security_group_ids     = [aws_security_group.database.id]
  publicly_accessible        = false
  backup_retention_period    = 7
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true
  deletion_protection        = var.protect
  skip_final_snapshot        = !var.protect
  final_snapshot_identifier  = "${var.name}-last"
}

resource "aws_secretsmanager_secret" "this" {
  for_each = {
    database-password = "Password of the database."
    database          = "URL of the database, for Dagster's history and the VOD queue."
    twitch            = "JSON with client_id and client_secret of your Twitch application. Fill this in."
    pseudonym-key     = "Key of viewers' pseudonyms. Keep a copy: without it you have to start a new atlas."
    opt-out           = "Viewers and channels that opted out, one per line. Fill this in."
  }
  name                    = "${var.name}/${each.key}"
  description             = each.value
  recovery_window_in_days = var.protect ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.this["database"].id
  secret_string_wo_version = local.password_version
  secret_string_wo = join("", [
    "postgresql://atlas:", ephemeral.aws_secretsmanager_secret_version.database_password.secret_string,
    "@", aws_db_instance.this.endpoint, "/vieweratlas?sslmode=require",
  ])
}

resource "aws_secretsmanager_secret_version" "pseudonym_key" {
  secret_id                = aws_secretsmanager_secret.this["pseudonym-key"].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.pseudonym_key.random_password
  secret_string_wo_version = 1
  # AWS deletes versions without a label once newer ones exist, and Terraform would write this one again.
  version_stages = ["AWSCURRENT", "terraform"]
  lifecycle {
    ignore_changes = [version_stages]
  }
}

# Initial values: a task does not start if a secret has none.
resource "aws_secretsmanager_secret_version" "yours" {
  for_each                 = { twitch = jsonencode({ client_id = "", client_secret = "" }), opt-out = "# nobody yet\n" }
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = each.value
  secret_string_wo_version = 1
  version_stages           = ["AWSCURRENT", "terraform"]
  lifecycle {
    ignore_changes = [version_stages]
  }
}
