"""The settings, the unit and the compose file of ``examples/`` are right as they stand."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import yaml  # type: ignore[import-untyped]

from wsproxy.config.complaints import SettingsError
from wsproxy.config.load import load

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRETS = {
    f"WSPROXY__V2__{name}_SECRET": f"{name.lower()}-secret-of-a-test"
    for name in ("API", "JWT", "PERMIT")
}
LONGEST = 60


def test_every_example_is_one_idea_of_under_sixty_lines():
    files = [path for path in EXAMPLES.iterdir() if path.is_file() and path.name != "README.md"]
    assert files
    for path in files:
        assert len(path.read_text().splitlines()) < LONGEST, path.name


def test_the_readme_names_every_example():
    text = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.name == "README.md" or f"({path.name})" in text, path.name


def test_the_settings_make_a_gateway_for_both_dialects_without_a_warning():
    loaded = load(EXAMPLES / "gateway.toml", SECRETS)
    assert loaded.settings.v2.enabled
    assert loaded.warnings == ()
    assert loaded.settings.groups["gpu"].address == loaded.settings.gateway.advertise


def test_the_settings_hold_no_secret_and_say_which_are_missing():
    with pytest.raises(SettingsError) as refused:
        load(EXAMPLES / "gateway.toml", {})
    assert "api-secret" in "\n".join(str(complaint) for complaint in refused.value.complaints)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_unit(tmp_path):
    text = (EXAMPLES / "wsproxy.service").read_text()
    unit = tmp_path / "wsproxy.service"
    unit.write_text(text.replace("/opt/wsproxy/bin/wsproxy", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_unit_and_compose_wait_longer_than_the_gateway_drains():
    grace = load(EXAMPLES / "gateway.toml", SECRETS).settings.gateway.grace
    unit = (EXAMPLES / "wsproxy.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert stop is not None and int(stop[1]) > grace
    service = compose()["services"]["wsproxy"]
    assert int(service["stop_grace_period"].removesuffix("s")) > grace


def compose() -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load((EXAMPLES / "docker-compose.yml").read_text()))


def test_compose_publishes_what_the_settings_listen_on():
    settings = load(EXAMPLES / "gateway.toml", SECRETS).settings
    service = compose()["services"]["wsproxy"]
    published = {entry.split(":")[0] for entry in service["ports"]}
    ports = settings.v2.ports
    assert published == {str(settings.gateway.bind.port), f"{ports.first}-{ports.last}"}
    source, target, mode = service["volumes"][0].split(":")
    assert (EXAMPLES / source).is_file()
    assert mode == "ro"
    assert target in service["command"]
