# Each task has two roles: one for ECS to start it (image, secrets, log), and one for the task itself.
locals {
  bucket = aws_s3_bucket.lake.arn
  lake   = "${local.bucket}/${local.prefix}"
  ecs    = "arn:${data.aws_partition.current.partition}:ecs:${var.region}:${data.aws_caller_identity.current.account_id}"
  # Where each task may read, write and delete below the lake. Write includes read.
  vod_folders = ["raw/vod_chat/*", "curated/presence_snapshots/source=vod/*", "curated/vod_catalog/*"]
  lake_rights = {
    # The VOD sensor reads the channels of the last rosters.
    code      = { Read = ["curated/channel_roster/*"] }
    collector = { Read = ["curated/channel_roster/*"], Write = ["raw/snapshots/*"] }
    vods      = { Write = local.vod_folders, Delete = ["raw/vod_chat/*"] }
    run       = { Write = ["*"], Delete = ["*"] }
  }
  lake_actions = {
    Read   = ["s3:GetObject"]
    Write  = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    Delete = ["s3:DeleteObject"]
  }
  run_logs = {
    webserver = ["s3:GetObject"]
    code      = ["s3:GetObject", "s3:PutObject"]
    run       = ["s3:GetObject", "s3:PutObject"]
  }
  # The daemon starts runs. The daemon and the UI stop them.
  starts_runs = ["daemon"]
  stops_runs  = ["daemon", "webserver"]
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each           = local.tasks
  name               = "${var.name}-${each.key}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks.amazonaws.com"].json
}

resource "aws_iam_role" "task" {
  for_each           = local.tasks
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks.amazonaws.com"].json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.tasks
  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "PullTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.images.arn]
  }
  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }
  statement {
    sid       = "ReadItsSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in each.value.secrets : aws_secretsmanager_secret.this[secret].arn]
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.tasks
  name     = "execution"
  role     = aws_iam_role.execution[each.key].id
  policy   = data.aws_iam_policy_document.execution[each.key].json
}

# For the daemon, and for EventBridge's scheduler.
data "aws_iam_policy_document" "starts_runs" {
  statement {
    sid       = "StartRuns"
    actions   = ["ecs:RunTask"]
    resources = ["${local.ecs}:task-definition/${var.name}-run:*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    sid       = "GiveRunsTheirRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task["run"].arn, aws_iam_role.execution["run"].arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  statement {
    sid       = "TagRuns"
    actions   = ["ecs:TagResource"]
    resources = ["${local.ecs}:task/${var.name}/*"]
    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }
}

data "aws_iam_policy_document" "task" {
  for_each                = local.tasks
  source_policy_documents = contains(local.starts_runs, each.key) ? [data.aws_iam_policy_document.starts_runs.json] : []

  dynamic "statement" {
    for_each = try(local.lake_rights[each.key], {})
    content {
      sid       = "${statement.key}InTheLake"
      actions   = local.lake_actions[statement.key]
      resources = [for place in statement.value : "${local.lake}${place}"]
    }
  }
  # All keys: with a right to list only some, S3 answers "forbidden" for an object that does not exist.
  dynamic "statement" {
    for_each = contains(keys(merge(local.lake_rights, local.run_logs)), each.key) ? [1] : []
    content {
      sid       = "ListTheBucket"
      actions   = ["s3:ListBucket"]
      resources = [local.bucket]
    }
  }
  dynamic "statement" {
    for_each = contains(keys(local.run_logs), each.key) ? [1] : []
    content {
      sid       = "OutputOfRuns"
      actions   = local.run_logs[each.key]
      resources = ["${local.bucket}/dagster-logs/*"]
    }
  }
  dynamic "statement" {
    for_each = contains(local.stops_runs, each.key) ? [1] : []
    content {
      sid       = "FollowAndEndRuns"
      actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
      resources = ["${local.ecs}:task/${var.name}/*"]
    }
  }
  # AWS does not support resources for these actions.
  dynamic "statement" {
    for_each = contains(local.stops_runs, each.key) ? [1] : []
    content {
      sid       = "KnowTheOwnNetwork"
      actions   = ["ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = contains(local.starts_runs, each.key) ? [1] : []
    content {
      sid       = "ReadTheLogOfARunThatDied"
      actions   = ["logs:GetLogEvents"]
      resources = ["${aws_cloudwatch_log_group.this["run"].arn}:*"]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local.tasks
  name     = "task"
  role     = aws_iam_role.task[each.key].id
  policy   = data.aws_iam_policy_document.task[each.key].json
}
