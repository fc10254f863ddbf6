"""When a collector is well, and when it is gone: ECS ends what it takes to be gone."""

from dataclasses import fields

from vieweratlas_assets.collector.health import STALE_S, Metrics, health_problems, staleness

WELL = Metrics(**(dict.fromkeys((field.name for field in fields(Metrics)), 0) | {"at": 1000.0, "channels_joined": 1}))


def test_who_cannot_deliver_is_not_well_but_alive() -> None:
    pending = Metrics(**(vars(WELL) | {"pending_s": 5000.0, "pending_files": 3, "lost_files": 1}))
    assert len(health_problems(pending, 1000.0)) == 2
    assert staleness(pending, 1000.0) == []


def test_who_tells_nothing_is_neither() -> None:
    later = 1001.0 + STALE_S
    assert staleness(WELL, later) == health_problems(WELL, later) != []
    assert health_problems(WELL, 1000.0) == []
