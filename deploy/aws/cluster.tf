locals {
  # Secrets of tasks that handle viewers' names.
  viewer_secrets = ["database", "twitch", "pseudonym-key", "opt-out"]
  # Each task's command, Fargate size (DEPLOYMENT.md explains it) and secrets.
  tasks = {
    webserver = {
      command = ["dagster-webserver", "-h", "0.0.0.0", "-p", "3000", "-w", "/opt/vieweratlas/workspace.yaml"]
      cpu     = 512, memory = 1024, count = 1, port = 3000
      health  = ["CMD", "bash", "-c", "</dev/tcp/127.0.0.1/3000"]
      secrets = ["database"]
    }
    daemon = {
      command = ["dagster-daemon", "run", "-w", "/opt/vieweratlas/workspace.yaml"]
      cpu     = 512, memory = 2048, count = 1, port = null
      health  = ["CMD", "dagster-daemon", "liveness-check"]
      secrets = ["database"]
    }
    code = {
      command = ["vieweratlas", "code-server"]
      cpu     = 512, memory = 1024, count = 1, port = 4000
      health  = ["CMD", "bash", "-c", "</dev/tcp/127.0.0.1/4000"]
      secrets = local.viewer_secrets
    }
    collector = {
      command = ["vieweratlas", "collect", "--metrics", "emf", "--namespace", local.namespace]
      cpu     = 256, memory = 512, count = var.collect ? 1 : 0, port = null
      health  = ["CMD", "vieweratlas", "health", "--alive"]
      secrets = local.viewer_secrets
    }
    vods = {
      command = ["vieweratlas", "vods", "process", "--every", "60"]
      cpu     = 256, memory = 1024, count = var.vod_workers, port = null
      health  = null
      secrets = local.viewer_secrets
    }
    # Not a service: the daemon starts one task per run. Jobs set their own sizes in tags (defs/jobs.py).
    run = {
      command = ["vieweratlas", "--help"]
      cpu     = 1024, memory = 4096, count = null, port = null
      health  = null
      secrets = local.viewer_secrets
    }
  }
  metrics_memory = 512
  services       = { for name, task in local.tasks : name => task if task.count != null }
  namespace      = "ViewerAtlas/${var.name}"
  code_host      = "code.${aws_service_discovery_private_dns_namespace.this.name}"

  environment = merge({
    DAGSTER_INSTANCE                    = "ecs"
    DAGSTER_CODE_LOCATION_HOST          = local.code_host
    DAGSTER_LOGS_BUCKET                 = aws_s3_bucket.lake.id
    AWS_DEFAULT_REGION                  = var.region
    AWS_RETRY_MODE                      = "standard"
    AWS_MAX_ATTEMPTS                    = "5"
    VIEWERATLAS_ROOT                    = local.root
    VIEWERATLAS_LOG_LEVEL               = "INFO"
    VIEWERATLAS_PRIVACY__VIEWER_NAMES   = "pseudonymous"
    VIEWERATLAS_SCHEDULES__RUNNING      = var.schedules
    VIEWERATLAS_COLLECTION__COLLECTOR   = "collector"
    VIEWERATLAS_PARTITIONS__DAILY_START = var.first_day
  }, var.settings)
  # Variable -> secret, and the key in its JSON if it has one. A task gets only the secrets that it may read.
  secret_variables = {
    DAGSTER_POSTGRES_URL               = { secret = "database", key = "" }
    VIEWERATLAS_VOD__QUEUE_URL         = { secret = "database", key = "" }
    TWITCH_CLIENT_ID                   = { secret = "twitch", key = ":client_id::" }
    TWITCH_CLIENT_SECRET               = { secret = "twitch", key = ":client_secret::" }
    VIEWERATLAS_PRIVACY__PSEUDONYM_KEY = { secret = "pseudonym-key", key = "" }
    OPT_OUT_LIST                       = { secret = "opt-out", key = "" }
  }
  image = "${aws_ecr_repository.images.repository_url}:${var.image_tag}"

  containers = {
    for name, task in local.tasks : name => {
      name                   = name == "run" ? "run" : "main"
      image                  = local.image
      essential              = true
      command                = task.command
      cpu                    = 0
      memory                 = name == "daemon" ? task.memory - local.metrics_memory : task.memory
      readonlyRootFilesystem = true
      linuxParameters        = { initProcessEnabled = true }
      environment            = [for key in sort(keys(local.environment)) : { name = key, value = local.environment[key] }]
      secrets = [
        for key in sort(keys(local.secret_variables)) : {
          name      = key
          valueFrom = "${aws_secretsmanager_secret.this[local.secret_variables[key].secret].arn}${local.secret_variables[key].key}"
        } if contains(task.secrets, local.secret_variables[key].secret)
      ]
      portMappings = task.port == null ? [] : [{ containerPort = task.port, hostPort = task.port, protocol = "tcp" }]
      mountPoints  = [for place in local.writable : { sourceVolume = place, containerPath = "/${place}", readOnly = false }]
      volumesFrom  = []
      # Time to write what is in memory to the lake.
      stopTimeout = 110
      healthCheck = task.health == null ? null : {
        command = task.health, interval = 60, timeout = 30, retries = 3, startPeriod = 180
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this[name].name
          awslogs-region        = var.region
          awslogs-stream-prefix = name
        }
      }
    }
  }
  # With the revision: tasks that start and stop runs change together with the definition of runs, also in a rollback.
  run_definition = { name = "DAGSTER_RUN_TASK_DEFINITION", value = aws_ecs_task_definition.run.arn }
  main_containers = {
    for name in keys(local.services) : name => merge(local.containers[name], {
      environment = concat(local.containers[name].environment, contains(local.stops_runs, name) ? [local.run_definition] : [])
    })
  }
  # Reports metrics of the queue, runs and assets. It is in the daemon's task, because the daemon always runs.
  metrics_container = merge(local.main_containers.daemon, {
    name          = "metrics"
    essential     = false
    command       = ["vieweratlas", "metrics", "--format", "emf", "--namespace", local.namespace, "--every", "60"]
    memory        = local.metrics_memory
    healthCheck   = null
    restartPolicy = { enabled = true, restartAttemptPeriod = 60 }
  })
  # The root file system is read-only, except for these folders.
  writable = ["tmp", "dagster", "lake"]
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name = "${var.name}.internal"
  vpc  = local.network.vpc_id
}

resource "aws_service_discovery_service" "code" {
  name = "code"
  health_check_custom_config {
    failure_threshold = 1
  }
  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this.id
    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.tasks
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "run" {
  family = "${var.name}-run"
  # Until the daemon is replaced, it starts runs with the earlier revision.
  skip_destroy             = true
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.tasks.run.cpu
  memory                   = local.tasks.run.memory
  execution_role_arn       = aws_iam_role.execution["run"].arn
  task_role_arn            = aws_iam_role.task["run"].arn
  container_definitions    = jsonencode([local.containers.run])
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  dynamic "volume" {
    for_each = local.writable
    content {
      name = volume.value
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.services
  family   = "${var.name}-${each.key}"
  # ECS returns to an earlier revision if a new one does not start, and deploy.sh reads which images ran.
  skip_destroy             = true
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  container_definitions = jsonencode(concat(
    [local.main_containers[each.key]], each.key == "daemon" ? [local.metrics_container] : []
  ))
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  dynamic "volume" {
    for_each = local.writable
    content {
      name = volume.value
    }
  }
}

resource "aws_ecs_service" "this" {
  for_each                      = local.services
  name                          = each.key
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this[each.key].arn
  desired_count                 = each.value.count
  launch_type                   = "FARGATE"
  propagate_tags                = "SERVICE"
  availability_zone_rebalancing = "DISABLED"
  # Two collectors or daemons would do everything twice, so the old task stops before the new one starts.
  deployment_minimum_healthy_percent = contains(["webserver", "vods"], each.key) ? 100 : 0
  deployment_maximum_percent         = contains(["webserver", "vods"], each.key) ? 200 : 100
  # The first start takes longer than the load balancer's health check allows.
  health_check_grace_period_seconds = each.key == "webserver" ? 180 : null
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = local.network.task_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = local.network.tasks_get_public_ip
  }
  dynamic "load_balancer" {
    for_each = each.key == "webserver" ? [1] : []
    content {
      target_group_arn = aws_lb_target_group.webserver.arn
      container_name   = "main"
      container_port   = 3000
    }
  }
  dynamic "service_registries" {
    for_each = each.key == "code" ? [1] : []
    content {
      registry_arn = aws_service_discovery_service.code.arn
    }
  }
  depends_on = [
    aws_lb_listener.ui, aws_secretsmanager_secret_version.database, aws_secretsmanager_secret_version.yours,
    aws_secretsmanager_secret_version.pseudonym_key,
  ]
}
