"""The commands `config show` and `config validate`.

Belongs here: how settings and their origins are printed. Not here: reading them (settings).
"""

import json
from typing import Any

import click
from rich.table import Table

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.start import resolve
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Resolved, is_secret, keys, setting_value


@click.group("config")
def config_group() -> None:
    """Show the settings in effect, or check them."""


@config_group.command("show")
@click.argument("config", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(root: str | None, config: str | None, as_json: bool) -> None:
    """Show every setting with its value and its origin.

    CONFIG is a preset (default, rigorous, explorer, debug) or a YAML file. Default: VIEWERATLAS_CONFIG. Secrets
    appear as `set` or `not set`.
    """
    from vieweratlas_assets.storage.objects import refuse_credentials

    resolved = resolve(root, config)
    refuse_credentials(resolved.settings.root)
    rows = {key: _row(key, resolved) for key in keys()}
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title="Settings", title_justify="left")
    for heading in ("section", "key", "value", "origin"):
        table.add_column(heading, overflow="fold")
    for key, row in rows.items():
        section, _, name = key.rpartition(".")
        table.add_row(section, name, _text(row["value"]), row["origin"])
    display.console.print(table)


@config_group.command("validate")
@click.argument("config", required=False)
@click.pass_obj
def validate(root: str | None, config: str | None) -> None:
    """Check the settings: prints OK, or every fault with its origin.

    CONFIG is a preset or a YAML file. Default: VIEWERATLAS_CONFIG.
    """
    from vieweratlas_assets.domain.communities.detectors import community_detector
    from vieweratlas_assets.errors import StorageError
    from vieweratlas_assets.storage.opening import open_store
    from vieweratlas_assets.wiring.plugins import load_plugins, load_visualizers

    resolved = resolve(root, config)
    settings, faults = resolved.settings, []
    for load in (load_plugins, load_visualizers):
        try:
            load(settings)
        except SettingsError as error:
            faults += [fault for fault in error.args if fault not in faults]
    try:
        open_store(settings.root, region=settings.storage.region)
    except (StorageError, ValueError) as error:
        faults.append(f"root ({resolved.origins['root']}): {error}")
    try:
        community_detector(settings.analysis.algorithm)
    except ValueError as error:
        faults.append(f"analysis.algorithm ({resolved.origins['analysis.algorithm']}): {error}")
    if faults:
        raise SettingsError(*faults)
    changed = sum(origin != "default" for origin in resolved.origins.values())
    display.console.print(f"OK: {len(resolved.origins)} settings, {changed} of them changed from the default")


def _row(key: str, resolved: Resolved) -> dict[str, Any]:
    value = setting_value(resolved.settings, key)
    if is_secret(key):
        value = "not set" if value is None else "set"
    elif not isinstance(value, str | int | float | tuple | dict | None):
        value = str(value)
    return {"value": value, "origin": resolved.origins[key]}


def _text(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{name} = {target}" for name, target in value.items())
        case _:
            return str(value)
