"""What a step returns: figures and settings that the record of a partition can hold."""

import json

import pytest

from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.results import DayResult, settings_used


def test_the_settings_used_are_those_named_with_their_values() -> None:
    analysis = AnalysisSettings(seed=3, weight="jaccard")
    assert settings_used(analysis, "weight", "seed") == {"weight": "jaccard", "seed": 3}
    with pytest.raises(AttributeError):
        settings_used(analysis, "sed")


def test_every_setting_of_an_analysis_can_be_kept_in_a_record() -> None:
    used = settings_used(AnalysisSettings(), *AnalysisSettings.model_fields)
    assert json.loads(json.dumps(used)) == used


def test_a_step_without_results_seals_an_empty_day() -> None:
    result = DayResult()
    assert not any((result.tables, result.products, result.files, result.facts, result.verdicts, result.pictures))
    assert (result.kept, result.unsealed, result.made_from) == (None, "", "")
