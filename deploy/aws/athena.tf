# Tables whose partitions are computed from the paths of the lake: nothing to crawl, nothing to repair.
locals {
  tables  = jsondecode(file("${path.module}/athena/tables.json"))
  queries = { for file in fileset("${path.module}/athena/queries", "*.sql") : trimsuffix(file, ".sql") => file("${path.module}/athena/queries/${file}") }
}

resource "aws_glue_catalog_database" "this" {
  name        = replace(var.name, "-", "_")
  description = "The lake of ViewerAtlas"
}

resource "aws_glue_catalog_table" "this" {
  for_each      = local.tables
  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"
  parameters = merge(
    { EXTERNAL = "TRUE", classification = "parquet" },
    each.value.projection,
    each.value.template == "" ? {} : {
      "projection.day.range"      = "${var.first_day},NOW"
      "storage.location.template" = "${local.root}${each.value.folder}${each.value.template}"
    },
  )
  dynamic "partition_keys" {
    for_each = each.value.partitions
    content {
      name = partition_keys.value.name
      type = partition_keys.value.type
    }
  }
  storage_descriptor {
    location      = "${local.root}${each.value.folder}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }
    dynamic "columns" {
      for_each = each.value.columns
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

resource "aws_athena_workgroup" "this" {
  count         = var.athena_workgroup ? 1 : 0
  name          = var.name
  description   = "Queries of the lake"
  force_destroy = true
  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_gb * 1000000000
    result_configuration {
      output_location = "s3://${aws_s3_bucket.lake.id}/athena-results/"
      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each    = var.athena_workgroup ? local.queries : {}
  name        = each.key
  description = trimprefix(split("\n", each.value)[0], "-- ")
  workgroup   = aws_athena_workgroup.this[0].id
  database    = aws_glue_catalog_database.this.name
  query       = each.value
}
