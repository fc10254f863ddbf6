"""Runs in Dagster's history: which belong to a code location, and that a killed run frees its place in a pool."""

import datetime as dt
import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._daemon.monitoring import concurrency
from dagster._utils.concurrency import ConcurrencySlotStatus

from vieweratlas_assets.runs.history import runs_under_way
from vieweratlas_tests.conftest import REPOSITORY


def test_only_started_runs_of_a_code_location_are_under_way_in_it() -> None:
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


def test_a_run_that_was_killed_frees_its_place_in_a_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(REPOSITORY / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        log = instance.event_log_storage

        def gets_a_place(run: dg.DagsterRun) -> bool:
            claim = log.claim_concurrency_slot("collector", run.run_id, "step")
            return claim.slot_status is ConcurrencySlotStatus.CLAIMED

        killed, other = (instance.add_run(dg.DagsterRun(job_name="collect")) for _ in range(2))
        log.initialize_concurrency_limit_to_default("collector")
        assert gets_a_place(killed)
        assert not gets_a_place(other)
        instance.report_run_failed(killed)
        assert not gets_a_place(other)
        later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2)
        monkeypatch.setattr(concurrency, "get_current_datetime", lambda: later)
        daemon = cast(Any, SimpleNamespace(instance=instance))
        list(concurrency.execute_concurrency_slots_iteration(daemon, logging.getLogger("daemon")))
        assert gets_a_place(other)
