# Tests of plans, run by vieweratlas_tests/aws/test_terraform.py. AWS_ENDPOINT_URL points to moto, because Terraform's mock
# providers do not support ephemeral resources.
variables {
  image_tag = "0123456789ab"
}

run "by_default_nothing_is_open_to_the_world" {
  command = plan
  assert {
    condition     = aws_lb.ui.internal && aws_lb_listener.ui.protocol == "HTTP"
    error_message = "without a login the load balancer must be internal"
  }
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.load_balancer) == ["10.40.0.0/16"]
    error_message = "an internal load balancer must only accept the VPC"
  }
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted
    error_message = "the database must be private and encrypted"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.lake.block_public_acls, aws_s3_bucket_public_access_block.lake.block_public_policy,
      aws_s3_bucket_public_access_block.lake.ignore_public_acls, aws_s3_bucket_public_access_block.lake.restrict_public_buckets,
    ])
    error_message = "the lake must not be public"
  }
  assert {
    condition     = aws_ecr_repository.images.image_tag_mutability == "IMMUTABLE"
    error_message = "a tag must always name the same image"
  }
}

run "the_lake_is_kept_as_long_as_the_data_policy_says" {
  command = plan
  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : rule.filter[0].prefix => rule.expiration[0].days
      if length(rule.expiration) > 0
      } == {
      "lake/raw/snapshots/" = 30, "lake/raw/vod_chat/" = 7, "lake/work/" = 2, "dagster-logs/" = 90, "athena-results/" = 7
    }
    error_message = "raw snapshots expire after 30 days, raw VOD chat after 7"
  }
  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.lake.rule :
      [rule.filter[0].prefix, one(rule.transition).storage_class, one(rule.transition).days] if length(rule.transition) > 0
    ] == [["lake/curated/", "GLACIER_IR", 90]]
    error_message = "curated tables must move to Glacier Instant Retrieval after 90 days"
  }
}

run "the_budget_warns_before_it_is_spent" {
  command = plan
  assert {
    condition = {
      for notification in aws_budgets_budget.this[0].notification : notification.notification_type => notification.threshold
    } == { ACTUAL = 80, FORECASTED = 100 }
    error_message = "it must warn at 80 % spent, and when 100 % are forecast"
  }
  assert {
    condition     = one(aws_budgets_budget.this[0].cost_filter).values == tolist(["user:Application$vieweratlas"])
    error_message = "the budget must cover only resources with the tag of this deployment"
  }
}

run "with_a_login_it_is_public" {
  command = plan
  variables {
    ui_host         = "atlas.example"
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/one"
    oidc = {
      issuer                 = "https://id.example"
      authorization_endpoint = "https://id.example/authorize"
      token_endpoint         = "https://id.example/token"
      user_info_endpoint     = "https://id.example/userinfo"
      client_id              = "vieweratlas"
      client_secret          = "test-secret"
    }
  }
  assert {
    condition     = !aws_lb.ui.internal && aws_lb_listener.ui.default_action[0].type == "authenticate-oidc"
    error_message = "a public load balancer must first ask for a login"
  }
}

run "a_login_needs_tls" {
  command = plan
  variables {
    oidc = {
      issuer                 = "https://id.example"
      authorization_endpoint = "https://id.example/authorize"
      token_endpoint         = "https://id.example/token"
      user_info_endpoint     = "https://id.example/userinfo"
      client_id              = "vieweratlas"
      client_secret          = "test-secret"
    }
  }
  expect_failures = [aws_lb.ui]
}

run "a_certificate_needs_a_host_name" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/one"
  }
  expect_failures = [aws_lb.ui]
}

run "an_existing_network_is_used" {
  command = plan
  override_data {
    target = data.aws_vpc.existing
    values = { cidr_block = "10.7.0.0/16" }
  }
  variables {
    network = {
      vpc_id                   = "vpc-1"
      task_subnet_ids          = ["subnet-1", "subnet-2"]
      database_subnet_ids      = ["subnet-3", "subnet-4"]
      load_balancer_subnet_ids = ["subnet-5", "subnet-6"]
      tasks_get_public_ip      = false
    }
  }
  assert {
    condition     = length(aws_vpc.this) == 0 && keys(aws_vpc_security_group_ingress_rule.load_balancer) == ["10.7.0.0/16"]
    error_message = "an existing VPC must be used instead of a new one"
  }
  assert {
    condition     = !aws_ecs_service.this["code"].network_configuration[0].assign_public_ip
    error_message = "tasks in private subnets must not get public addresses"
  }
}

run "without_a_collector_no_alarm_watches_it" {
  command = plan
  variables {
    collect               = false
    eventbridge_schedules = true
    schedules             = "channel_roster_schedule"
  }
  assert {
    condition     = aws_ecs_service.this["collector"].desired_count == 0 && !contains(keys(aws_cloudwatch_metric_alarm.this), "snapshots-stalled")
    error_message = "no alarm may watch a collector that does not run"
  }
  assert {
    condition     = { for name, schedule in aws_scheduler_schedule.this : name => schedule.schedule_expression } == { analysis = "cron(0 2 * * ? *)" }
    error_message = "only the atlas at 02:00 UTC: VODs have their own variable"
  }
}

run "the_daily_atlas_is_not_built_twice" {
  command = plan
  variables {
    eventbridge_schedules = true
  }
  expect_failures = [var.eventbridge_schedules]
}

run "a_name_that_aws_reserves_is_refused" {
  command = plan
  variables {
    name = "internal-atlas"
  }
  expect_failures = [var.name]
}
