"""The deployment files, as far as they can be checked without a Docker engine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "infra" / "compose"
TEXT = (FOLDER / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1) for line in (FOLDER / ".env.example").read_text().splitlines() if line and not line.startswith("#")
)
SECRET = re.compile(r"PASSWORD|SECRET")
every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_mounted_files_exist(name: str) -> None:
    """What a service mounts is a file of ours, or a volume that is declared."""
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


@every_service
def test_it_is_healthy_or_not_and_bounded(name: str) -> None:
    """Each service has a healthcheck, a memory limit and comes back by itself."""
    assert {"healthcheck", "mem_limit", "restart"} <= set(SERVICES[name])


@every_service
def test_what_it_waits_for_can_become_healthy(name: str) -> None:
    """A service that others wait for is there and has a healthcheck."""
    for dependency, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[dependency]


@every_service
def test_ports_are_on_loopback_by_default(name: str) -> None:
    """Nothing is published beyond this machine unless .env says so."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:")
    assert EXAMPLE["BIND_ADDRESS"] == "127.0.0.1"


@every_service
def test_images_are_pinned(name: str) -> None:
    """An image that is not built here has a tag, and not `latest`; what it fetches when it starts has a version."""
    service = SERVICES[name]
    assert "build" in service or re.search(r":(?!latest$)[^:]+$", service["image"])
    assert re.fullmatch(r"([\w-]+@[\d.]+,?)*", service.get("environment", {}).get("GF_PLUGINS_PREINSTALL", ""))


def test_variables_are_in_the_example_and_the_example_in_use() -> None:
    """`.env.example` names each variable of compose.yaml, and no other."""
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == set(EXAMPLE)


def test_defaults_are_those_of_the_example() -> None:
    """The default of a variable in compose.yaml is the value that the example shows."""
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT):
        assert EXAMPLE[name] == default


def test_there_are_no_secrets() -> None:
    """Secrets are empty in the example, and in compose.yaml variables that must be set."""
    assert all(value == "" for name, value in EXAMPLE.items() if SECRET.search(name))
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)


@pytest.mark.parametrize("name", ["worker", "trainer", "feed"])
def test_the_image_is_built_from_files_that_exist(name: str) -> None:
    """The Dockerfile is where compose looks, and each folder that it copies is in the repository."""
    build = SERVICES[name]["build"]
    context = (FOLDER / build["context"]).resolve()
    dockerfile = (context / build["dockerfile"]).read_text()
    for folder in re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE):
        assert (context / folder).is_dir()


@pytest.mark.parametrize("name", ["worker", "trainer", "feed"])
def test_images_have_the_locked_versions(name: str) -> None:
    """What an image makes of the lock is a constraint for each package, without hashes, and pip is given it."""
    text = (FOLDER.parent / "images" / name / "Dockerfile").read_text()
    ((command, file),) = re.findall(r"^RUN (sed .*) > (\S+) \\$", text, re.MULTILINE)
    done = subprocess.run(command, shell=True, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True)
    made, lock = done.stdout.splitlines(), (FOLDER.parent / "locks" / "requirements.txt").read_text().splitlines()
    assert made == [line.removesuffix(" \\") for line in lock if not line.startswith(" ")]
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)?", line) for line in made)
    assert re.search(rf"pip install .*--constraint {file} ", text)


@pytest.mark.parametrize("name", ["worker", "trainer"])
def test_who_makes_topics_knows_how_many_partitions(name: str) -> None:
    """The number is chosen in one place."""
    variable = "HIGHLIGHTS_KAFKA__INTERACTIONS_PARTITIONS"
    assert SERVICES[name]["environment"][variable] == f"${{{variable}:-{EXAMPLE[variable]}}}"


@pytest.mark.parametrize(("name", "command"), [("worker", "worker"), ("trainer", "retrain"), ("feed", "serve")])
def test_our_images_are_not_root(name: str, command: str) -> None:
    """An image runs as a user of its own, and its entry point is its command; torch is in the trainer's alone."""
    dockerfile = (FOLDER.parent / "images" / name / "Dockerfile").read_text()
    assert re.search(r"^USER highlights$", dockerfile, re.MULTILINE)
    assert dockerfile.rstrip().endswith(f'ENTRYPOINT ["highlights", "{command}"]')
    assert ("training" in re.findall(r'"\.\[([\w,]+)\]"', dockerfile)[0].split(",")) == (name == "trainer")


@pytest.mark.parametrize(("name", "group"), [("worker", "WORKER"), ("feed", "SERVING"), ("trainer", "LEARNING")])
def test_prometheus_scrapes_what_each_process_opens(name: str, group: str) -> None:
    """The port in prometheus.yaml is the one that the process opens to other containers."""
    jobs = {
        job["job_name"]: job["dns_sd_configs"][0]
        for job in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    }
    environment = SERVICES[name]["environment"]
    assert jobs[name]["names"] == [name]
    assert jobs[name]["port"] == environment[f"HIGHLIGHTS_{group}__METRICS_PORT"]
    assert environment[f"HIGHLIGHTS_{group}__METRICS_HOST"] == "0.0.0.0"


def test_the_feed_may_only_read() -> None:
    """It asks ClickHouse as the reader, and callers for a key, out of a file that compose mounts."""
    environment = SERVICES["feed"]["environment"]
    assert environment["HIGHLIGHTS_CLICKHOUSE__USER"] == "reader"
    (secret,) = SERVICES["feed"]["secrets"]
    assert environment["HIGHLIGHTS_SERVING__KEYS_FILE"] == f"/run/secrets/{secret}"
    assert secret in COMPOSE["secrets"]


def test_grafana_finds_its_sources() -> None:
    """Each variable of a data source is in Grafana's environment, and each host is a service."""
    for path in (FOLDER / "grafana" / "provisioning" / "datasources").glob("*.yaml"):
        text = path.read_text()
        assert set(re.findall(r"\$(\w+)", text)) <= set(SERVICES["grafana"]["environment"])
        for source in yaml.safe_load(text)["datasources"]:
            host = source["jsonData"]["host"] if "jsonData" in source else re.split("[/:]+", source["url"])[1]
            assert host in SERVICES


def test_the_reader_cannot_write() -> None:
    """The user of the dashboards is read-only, and its password comes from the server's environment."""
    root = ElementTree.parse(FOLDER / "clickhouse" / "reader.xml").getroot()
    password = root.find("users/reader/password")
    assert password is not None
    assert password.get("from_env") in SERVICES["clickhouse"]["environment"]
    assert root.findtext("users/reader/profile") == "reader"
    assert root.findtext("profiles/reader/readonly") == "2"


def compose_is_installed() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not compose_is_installed(), reason="docker has no compose plugin here")
def test_compose_accepts_the_file(tmp_path: Path) -> None:
    """`docker compose config` reads the file, with every empty variable of the example filled in."""
    env = tmp_path / "env"
    env.write_text("".join(f"{name}={value or 'filled-in'}\n" for name, value in EXAMPLE.items()))
    command = ["docker", "compose", "--env-file", str(env), "--file", str(FOLDER / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
