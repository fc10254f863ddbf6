"""Runs that were under way in a code location that is no more."""

import json

import dagster as dg

from vieweratlas_assets.history import fail_lost_runs


def run_of(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, host: str | None) -> str:
    tags = {} if host is None else {".dagster/grpc_info": json.dumps({"host": host, "port": 4000})}
    run = dg.DagsterRun(job_name="daily_atlas", status=status, tags=tags)
    instance.add_run(run)
    return run.run_id


def test_runs_of_a_code_location_that_ended_are_told_as_failed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        started = run_of(instance, dg.DagsterRunStatus.STARTED, "code")
        starting = run_of(instance, dg.DagsterRunStatus.STARTING, "code")
        others = [
            run_of(instance, dg.DagsterRunStatus.STARTED, "elsewhere"),
            run_of(instance, dg.DagsterRunStatus.STARTED, None),
            run_of(instance, dg.DagsterRunStatus.NOT_STARTED, "code"),
            run_of(instance, dg.DagsterRunStatus.SUCCESS, "code"),
        ]
        before = [instance.get_run_by_id(run_id) for run_id in others]
        assert set(fail_lost_runs(instance, "code")) == {started, starting}
        found = {instance.get_run_by_id(run_id).status for run_id in (started, starting)}
        assert found == {dg.DagsterRunStatus.FAILURE}
        assert [instance.get_run_by_id(run_id) for run_id in others] == before
        assert fail_lost_runs(instance, "code") == []
