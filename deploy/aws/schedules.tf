# EventBridge instead of Dagster's schedules: the same work as commands, in tasks of the same sizes as Dagster's jobs
# (defs/jobs.py).
locals {
  timed = merge(var.eventbridge_schedules ? {
    analysis = { cron = "cron(0 2 * * ? *)", command = ["vieweratlas", "analyze"], cpu = 2048, memory = 8192 }
    } : {}, var.eventbridge_vods ? {
    vod-discovery  = { cron = "cron(0 0/6 * * ? *)", command = ["vieweratlas", "vods", "discover"], cpu = 512, memory = 2048 }
    vod-processing = { cron = "cron(30 0/6 * * ? *)", command = ["vieweratlas", "vods", "process"], cpu = 512, memory = 2048 }
  } : {})
}

resource "aws_iam_role" "scheduler" {
  count              = var.eventbridge_schedules ? 1 : 0
  name               = "${var.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler.amazonaws.com"].json
}

resource "aws_iam_role_policy" "scheduler" {
  count  = var.eventbridge_schedules ? 1 : 0
  name   = "run"
  role   = aws_iam_role.scheduler[0].id
  policy = data.aws_iam_policy_document.starts_runs.json
}

resource "aws_scheduler_schedule" "this" {
  for_each            = local.timed
  name                = "${var.name}-${each.key}"
  schedule_expression = each.value.cron
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler[0].arn
    # Also set the container's memory, or the limit of the task definition would apply.
    input = jsonencode({
      cpu                = tostring(each.value.cpu)
      memory             = tostring(each.value.memory)
      containerOverrides = [{ name = "run", command = each.value.command, memory = each.value.memory }]
    })
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.run.arn
      launch_type         = "FARGATE"
      propagate_tags      = "TASK_DEFINITION"
      network_configuration {
        subnets          = local.network.task_subnet_ids
        security_groups  = [aws_security_group.tasks.id]
        assign_public_ip = local.network.tasks_get_public_ip
      }
    }
    retry_policy {
      maximum_retry_attempts = 2
    }
  }
}
