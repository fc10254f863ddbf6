"""The section `vod`: a bucket is as long as a live one, and sizes are read in bytes."""

from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.settings.vod_section import LIVE_BUCKET_S, VodSettings


def test_a_bucket_of_a_vod_is_as_long_as_a_live_one() -> None:
    assert LIVE_BUCKET_S == BUCKET_LEN_S == Settings().vod.bucket_len_s


def test_the_limit_of_a_file_is_read_in_bytes() -> None:
    assert VodSettings().cli_output_limit_bytes == 4 * 10**9
    assert VodSettings(cli_output_limit="1.5GiB").cli_output_limit_bytes == 1_610_612_736
