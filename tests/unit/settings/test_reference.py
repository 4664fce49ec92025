"""The reference page: up to date, and with a heading for every path of the interface."""

from pathlib import Path

import pytest

from livermore.settings.reference import entries, reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"
PATHS = """
version sub perseus_profile.public_name perseus_profile.description perseus_profile.primary_exchange
perseus_profile.trading_mode perseus_profile.currency perseus_profile.timezone perseus_profile.locale
livermore_runtime.auto_start livermore_runtime.logging.data_directory livermore_runtime.logging.log_directory
livermore_runtime.logging.verbosity_level exchanges exchanges.<name>.enabled
exchanges.<name>.ApiKeyEnvironmentVariableName exchanges.<name>.SecretEnvironmentVariableName
exchanges.<name>.PasswordEnvironmentVariableName symbols scanner_exchange scanner_symbols_last_update
livermore_runtime.mode disabled_symbols timeframes
scanner.enabled scanner.limit scanner.quote scanner.minimum_quote_volume_24h
positions.minimum_value positions.refresh_seconds
alerts.enabled alerts.low_confidence alerts.levels alerts.reversal.oversold_buffer
alerts.reversal.overbought_buffer alerts.cooldown_seconds alerts.quiet_hours alerts.quiet_hours.from
alerts.quiet_hours.to alerts.quiet_hours.zone alerts.routes alerts.routes[].channel
alerts.routes[].url_environment_variable alerts.routes[].events.level alerts.routes[].events.reversal
alerts.routes[].events.system storage.keep_days
""".split()  # noqa: SIM905 - a list reads like the interface this way
PAGE_NOW = reference()


def test_the_page_is_what_the_schema_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == PAGE_NOW, (
        "run: python -m livermore.settings.reference > docs/reference/settings.md"
    )


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_interface_has_a_heading(path: str) -> None:
    assert f"\n## `{path}`\n" in PAGE_NOW


def test_every_setting_says_what_it_means_and_when_a_change_takes_effect() -> None:
    for entry in entries():
        assert entry.extra["help"].endswith("."), entry.path
        assert entry.extra["apply"] in {"hot", "warm", "restart"}, entry.path


def test_a_warm_setting_says_what_it_does() -> None:
    leaves = [entry for entry in entries() if entry.extra["apply"] == "warm" and entry.type != "section"]
    assert leaves
    assert all(entry.extra.get("effect") for entry in leaves)
