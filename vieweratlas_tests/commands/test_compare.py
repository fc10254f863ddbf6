"""Comparing an imported map with ours at the command line."""

import re

from vieweratlas_tests.integration.command import Command


def test_a_map_with_too_few_positions_is_not_compared(command: Command) -> None:
    path = command.folder / "g.gexf"
    nodes = "".join(f'<node id="{n}" label="{n}"><viz:position x="{n}" y="0"/></node>' for n in range(2))
    path.write_text(
        '<gexf xmlns:viz="http://www.gexf.net/1.2draft/viz"><graph><nodes>'
        f'{nodes}</nodes><edges><edge source="0" target="1" weight="9"/></edges></graph></gexf>'
    )
    command.run("import", "atlas", "--gexf", str(path), "--date", "2022-05-01")
    command.run("analyze", "--date", "2022-05-01")
    assert "2 channel(s) have published positions: too few" in command.run("compare", "--date", "2022-05-01")


def test_a_map_that_published_only_positions_is_compared_with_ours(command: Command) -> None:
    # Two groups of six channels that all share viewers, placed far from each other.
    names = [f"{ring}{number}" for ring in "ab" for number in range(6)]
    nodes = "".join(
        f'<node id="{name}" label="{name}"><viz:position x="{100 * (name[0] == "b") + int(name[1])}" y="0"/></node>'
        for name in names
    )
    edges = "".join(
        f'<edge source="{ring}{number}" target="{ring}{other}" weight="9"/>'
        for ring in "ab"
        for number in range(6)
        for other in range(number)
    )
    path = command.folder / "g.gexf"
    path.write_text(
        '<gexf xmlns:viz="http://www.gexf.net/1.2draft/viz"><graph>'
        f"<nodes>{nodes}</nodes><edges>{edges}</edges></graph></gexf>"
    )
    command.run("import", "atlas", "--gexf", str(path), "--date", "2022-05-01")
    assert "12 channels have published positions" in command.run("compare", "--date", "2022-05-01")
    command.run("analyze", "--date", "2022-05-01", OVERLAP_THRESHOLD="1")
    printed = command.run("compare", "--date", "2022-05-01")
    assert re.search(
        r"of the 10 channels nearest to a channel on their map, \d+\.\d% are also nearest on ours", printed
    )
    assert "over 12 channels" in printed
