"""Which runs are processes of a code location, and lost with it."""

import json

import dagster as dg

from vieweratlas_assets.history import runs_under_way


def test_runs_of_another_code_location_and_runs_that_ended_are_not_under_way_in_it() -> None:
    def add(status: dg.DagsterRunStatus, host: str | None) -> str:
        tags = {} if host is None else {".dagster/grpc_info": json.dumps({"host": host, "port": 4000})}
        return instance.add_run(dg.DagsterRun(job_name="daily_atlas", status=status, tags=tags)).run_id

    with dg.DagsterInstance.ephemeral() as instance:
        expected = {add(dg.DagsterRunStatus.STARTED, "code"), add(dg.DagsterRunStatus.STARTING, "code")}
        add(dg.DagsterRunStatus.STARTED, "elsewhere")
        add(dg.DagsterRunStatus.STARTED, None)
        add(dg.DagsterRunStatus.NOT_STARTED, "code")
        add(dg.DagsterRunStatus.SUCCESS, "code")
        assert {run.run_id for run in runs_under_way(instance, "code")} == expected
