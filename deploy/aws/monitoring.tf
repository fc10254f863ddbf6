locals {
  # RUNBOOK.md says what each alarm means and what to do.
  alarms = jsondecode(file("${path.module}/alarms.json"))
  patterns = merge([
    for name, alarm in local.alarms : {
      for task in keys(local.tasks) : "${name}-${task}" => { pattern = alarm.pattern, metric = alarm.metric, task = task }
    } if can(alarm.pattern)
  ]...)
  # Without a collector, no metrics of it arrive.
  watched = { for name, alarm in local.alarms : name => alarm if var.collect || !contains(keys(alarm.dimension), "Collector") }
}

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = toset(var.alarm_emails)
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

data "aws_iam_policy_document" "alarms" {
  # EventBridge does not support conditions in a topic's policy.
  statement {
    sid       = "EventBridge"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
  statement {
    sid       = "CloudWatchAndBudgets"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each       = local.patterns
  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this[each.value.task].name
  pattern        = each.value.pattern
  metric_transformation {
    name      = each.value.metric
    namespace = local.namespace
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.watched
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.means} See RUNBOOK.md, ${each.key}."
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimension
  statistic           = each.value.statistic
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  period              = each.value.minutes * 60
  evaluation_periods  = 1
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  # No metrics arrive before the services run.
  depends_on = [aws_ecs_service.this]
}

# A task that stopped by itself (for example, out of memory), did not start, or that ECS replaced because its health
# check failed. Tasks that a deployment or scaling stops do not count.
resource "aws_cloudwatch_event_rule" "task_failed" {
  name        = "${var.name}-task-failed"
  description = "A task failed. See RUNBOOK.md, task-failed."
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.this.arn]
      lastStatus = ["STOPPED"]
      # A container that never started has no exit code. If one hangs, ECS reports "Task failed container health checks".
      "$or" = [
        { stopCode = ["TaskFailedToStart"] },
        { stopCode = ["EssentialContainerExited"], containers = { exitCode = [{ anything-but = 0 }] } },
        { stopCode = ["ServiceSchedulerInitiated"], stoppedReason = [{ prefix = "Task failed" }] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "task_failed" {
  rule = aws_cloudwatch_event_rule.task_failed.name
  arn  = aws_sns_topic.alarms.arn
  input_transformer {
    input_paths    = { group = "$.detail.group", reason = "$.detail.stoppedReason", task = "$.detail.taskArn" }
    input_template = "\"${var.name}: a task of <group> failed: <reason>. <task>. See RUNBOOK.md, task-failed.\""
  }
}

resource "aws_budgets_budget" "this" {
  count        = var.monthly_budget_usd == null ? 0 : 1
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  depends_on   = [aws_sns_topic_policy.alarms]
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Application$%s", var.name)]
  }
  notification {
    comparison_operator       = "GREATER_THAN"
    notification_type         = "ACTUAL"
    threshold                 = 80
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }
  notification {
    comparison_operator       = "GREATER_THAN"
    notification_type         = "FORECASTED"
    threshold                 = 100
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }
}

locals {
  search = { for metric, dimension in {
    QueueVods = "State", QueueAttempts = "Attempts", Runs = "State", AssetFreshnessSeconds = "Asset",
    } : metric => [[{ expression = "SEARCH('{\"${local.namespace}\",${dimension}} MetricName=\"${metric}\"', 'Average')", id = lower(metric) }]]
  }
  collector_metric = { for metric in [
    "ChannelsWanted", "ChannelsJoined", "MessagesPerSecond", "ChatLagSeconds", "Coverage", "Reconnects", "SnapshotAgeSeconds",
    "SnapshotsPending", "SnapshotsLost",
  ] : metric => [local.namespace, metric, "Collector", "collector"] }
  widgets = [
    { title = "VODs in the queue, by state", metrics = local.search["QueueVods"] },
    { title = "VODs completed and failed in the last hour", metrics = [[local.namespace, "VodsCompleted"], [local.namespace, "VodsFailed"]] },
    { title = "Seconds per VOD", metrics = [[local.namespace, "VodSeconds"]] },
    { title = "VODs by attempts", metrics = local.search["QueueAttempts"] },
    { title = "Age of the oldest waiting VOD, s", metrics = [[local.namespace, "QueueOldestSeconds"]] },
    { title = "Channels", metrics = [local.collector_metric["ChannelsWanted"], local.collector_metric["ChannelsJoined"]] },
    { title = "Messages per second", metrics = [local.collector_metric["MessagesPerSecond"]] },
    { title = "Coverage, %", metrics = [local.collector_metric["Coverage"]] },
    { title = "Reconnects since the start", metrics = [local.collector_metric["Reconnects"]] },
    { title = "Age of the newest message and the newest minute, s", metrics = [local.collector_metric["ChatLagSeconds"], local.collector_metric["SnapshotAgeSeconds"]] },
    { title = "Minutes pending and lost", metrics = [local.collector_metric["SnapshotsPending"], local.collector_metric["SnapshotsLost"]] },
    { title = "Freshness of assets, s", metrics = local.search["AssetFreshnessSeconds"] },
    { title = "Dagster runs", metrics = local.search["Runs"] },
    { title = "Runs failed in the last hour", metrics = [[local.namespace, "RunsFailed"]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for number, widget in local.widgets : {
      type   = "metric"
      x      = 8 * (number % 3)
      y      = 6 * floor(number / 3)
      width  = 8
      height = 6
      properties = {
        title   = widget.title
        region  = var.region
        view    = "timeSeries"
        stat    = "Average"
        period  = 300
        metrics = widget.metrics
      }
    }]
  })
}
