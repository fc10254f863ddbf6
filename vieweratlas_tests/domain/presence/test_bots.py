"""The bundled list of bots is well formed."""

import string
from collections import defaultdict
from importlib import resources

from vieweratlas_assets.domain.presence.bots import known_bots


def test_the_bundled_list_of_bots_is_well_formed() -> None:
    text = resources.files("vieweratlas_assets.domain.presence").joinpath("known_bots.txt").read_text("utf-8")
    listed = [line for line in text.splitlines() if line and not line.startswith("#")]
    repeats: dict[str, int] = defaultdict(int)
    for login in listed:
        repeats[login] += 1
        assert set(login) <= set(string.ascii_lowercase + string.digits + "_"), login
        assert 3 <= len(login) <= 25, login
    assert {login for login, times in repeats.items() if times > 1} == set()
    assert known_bots() == set(listed)
    assert known_bots() >= {"nightbot", "streamelements", "streamlabs", "moobot", "fossabot", "wizebot"}
