# Letters and digits alone: it becomes part of a URL.
ephemeral "aws_secretsmanager_random_password" "database" {
  password_length     = 40
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "pseudonym_key" {
  password_length     = 64
  exclude_punctuation = true
}

locals {
  # A higher number makes a new password.
  password_version = 1
}

# Kept before it is used: an apply that was cut off goes on with the same one.
resource "aws_secretsmanager_secret_version" "database_password" {
  secret_id                = aws_secretsmanager_secret.this["database-password"].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.database.random_password
  secret_string_wo_version = local.password_version
}

ephemeral "aws_secretsmanager_secret_version" "database_password" {
  secret_id = aws_secretsmanager_secret_version.database_password.secret_id
  # Known once it is written: a plan does not ask for a version that is not there yet.
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
    database-password = "Password of the database, of which its URL is made."
    database          = "URL of Dagster's history and the queue of VODs."
    twitch            = "JSON: client_id and client_secret of the Twitch application. Put there by you."
    pseudonym-key     = "Key of viewers' pseudonyms. Who loses it begins a new atlas."
    opt-out           = "Viewers and channels that want to be left out, a line each. Put there by you."
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
  # A label of its own: AWS drops a version without one when newer ones were put there, and Terraform would write anew.
  version_stages = ["AWSCURRENT", "terraform"]
  lifecycle {
    ignore_changes = [version_stages]
  }
}

# Something to begin with: a task does not start without a value.
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
