"""What PDC is deployed with fits PDC: settings that are named exist, limits agree; nginx, Caddy and systemd take their files."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from pdc.cli.main import app
from pdc.domain.errors import BadSetting
from pdc.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "docs" / "deploy"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SECRETS = {f.metadata["variable"] for f in fields(Settings) if f.metadata["secret"]}
KNOWN = {f.metadata["variable"] for f in fields(Settings)} | {f"{name}_FILE" for name in SECRETS}
OWN = {"PDC_API", "PDC_TOKEN", "PDC_URL"}  # of examples for programs that ask PDC
NAMED = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *DEPLOY.iterdir(), ROOT / "Dockerfile", ROOT / "compose.yaml"]
LIMIT = Settings().max_upload_mb


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text("utf-8"))
    return parser


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path):
    named = set(re.findall(r"\bPDC_[A-Z_]+[A-Z]\b", path.read_text("utf-8")))
    if path.name != "CHANGELOG.md":
        assert named <= KNOWN | OWN, named - KNOWN - OWN


def test_the_services_get_settings_that_exist_and_name_what_is_there():
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    assert set(services["app"]["environment"]) <= KNOWN | {"FORWARDED_ALLOW_IPS"}
    assert services["worker"]["command"][0] in get_command(app).commands  # type: ignore[attr-defined]
    for service in services.values():
        named = [place.split(":")[0] for place in service.get("volumes", ())]
        assert set(named) <= set(COMPOSE["volumes"]) and set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", ())) <= set(services)
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
    for name, value in services["app"]["environment"].items():
        secret = Path(value).name if name.endswith("_FILE") else None
        assert secret is None or (secret in services["app"]["secrets"] and value == f"/run/secrets/{secret}")


def test_the_image_listens_where_the_services_look_and_keeps_what_they_keep():
    assert f"EXPOSE {Settings().port}" in DOCKERFILE
    assert COMPOSE["services"]["app"]["ports"] == [f"127.0.0.1:{Settings().port}:{Settings().port}"]
    kept = {place.split(":")[1] for place in COMPOSE["services"]["app"]["volumes"]}
    assert kept == set(re.findall(r'"(/\w+)"', next(line for line in DOCKERFILE.splitlines() if line.startswith("VOLUME"))))
    assert "PDC_HOME=/data" in DOCKERFILE and re.search(r"^USER (?!0$)\d+$", DOCKERFILE, re.MULTILINE)


def test_the_image_is_made_of_extras_that_exist_and_of_what_is_not_left_out():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = next(re.finditer(r"ARG EXTRAS=(\S+)", DOCKERFILE))[1].split(",")
    assert set(extras) <= set(project["optional-dependencies"]) and "postgres" in extras
    assert re.search(r"^torch==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    left_out = {line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"}
    assert {".git", "secrets", ".env", "pdc-data"} <= left_out
    assert not left_out & {"pdc", "finetune", "assets", "pyproject.toml", "requirements.txt", project["readme"], "LICENSE"}


@pytest.mark.parametrize("name", sorted(path.name for path in DEPLOY.glob("*.service")))
def test_a_unit_starts_a_command_that_exists_with_time_to_end(name: str):
    service = unit(name)["Service"]
    words = service["ExecStart"].split()
    assert words[0].endswith("/bin/pdc") and words[1] in get_command(app).commands  # type: ignore[attr-defined]
    if "TimeoutStopSec" in service:
        stop = int(next(re.finditer(r"PDC_STOP_SECONDS=(\d+)", (DEPLOY / name).read_text("utf-8")))[1])
        assert int(service["TimeoutStopSec"]) >= stop + 30
        grace = COMPOSE["services"]["app"]["stop_grace_period"]
        assert int(grace.rstrip("s")) >= int(COMPOSE["services"]["app"]["environment"]["PDC_STOP_SECONDS"]) + 30


def test_a_proxy_takes_as_large_a_body_as_pdc_and_no_larger():
    assert f"client_max_body_size {LIMIT * 1_000_000};" in (DEPLOY / "nginx.conf").read_text("utf-8")
    assert f"max_size {LIMIT}MB" in (DEPLOY / "Caddyfile").read_text("utf-8")


def says_yes(*command: str | Path, cwd: Path) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not here")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(cwd), "XDG_DATA_HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nginx_takes_its_file(tmp_path: Path):
    inside = (DEPLOY / "nginx.conf").read_text("utf-8").replace(" ssl;", ";")
    inside = re.sub(r"^\s*ssl_certificate.*$", "", inside, flags=re.MULTILINE)  # they would have to exist
    inside = inside.replace("listen 443", "listen 8443").replace("listen 80;", "listen 8080;")
    temporary = "".join(f"{of}_temp_path {tmp_path}/{of}; " for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    log = f"error_log {tmp_path}/err.log; pid {tmp_path}/pid; events {{}}"
    (tmp_path / "nginx.conf").write_text(f"{log} http {{ access_log off; {temporary}\n{inside}\n}}")
    says_yes("nginx", "-t", "-e", tmp_path / "err.log", "-c", tmp_path / "nginx.conf", cwd=tmp_path)


def test_caddy_takes_its_file(tmp_path: Path):
    says_yes("caddy", "adapt", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile", cwd=tmp_path)


def test_systemd_takes_the_units(tmp_path: Path):
    for path in DEPLOY.glob("pdc*.*"):
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace("/opt/pdc/bin/pdc", "/bin/true"))
    says_yes("systemd-analyze", "verify", *sorted(tmp_path.iterdir()), cwd=tmp_path)


def test_a_secret_is_read_from_a_file_and_only_a_secret_is(tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("p@ss:w/rd\n")
    url = "postgresql+psycopg://pdc@db/pdc"
    read = Settings.from_env({"PDC_DATABASE_URL": url, "PDC_DATABASE_PASSWORD_FILE": str(file), "PDC_HOST_FILE": str(file)})
    assert read.url == "postgresql+psycopg://pdc:p%40ss%3Aw%2Frd@db/pdc" and read.host == Settings().host
    both = {"PDC_METRICS_TOKEN": "mine", "PDC_METRICS_TOKEN_FILE": str(file)}
    assert Settings.from_env(both).metrics_token == "mine"


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PDC_SERVER_KEY_FILE": "nowhere/key"}, "PDC_SERVER_KEY_FILE names nowhere/key"),
        ({"PDC_DATABASE_PASSWORD": "x"}, "PDC_DATABASE_URL needs a user"),
        ({"PDC_DATABASE_PASSWORD": "x", "PDC_DATABASE_URL": "postgresql://a:b@c/d"}, "no password"),
        ({"PDC_LOG": "xml"}, "PDC_LOG is 'xml'"),
        ({"PDC_STOP_SECONDS": "-1"}, "PDC_STOP_SECONDS is -1"),
    ],
)
def test_a_secret_that_cannot_be_used_is_a_sentence(env: dict[str, str], sentence: str):
    with pytest.raises(BadSetting, match=re.escape(sentence)):
        Settings.from_env(env)
