"""The Kubernetes manifests, checked against Kubernetes' own schemas without a cluster."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from pydantic import BaseModel

from streams.cli.environment import as_environment
from streams.cli.main import app
from streams.metrics_endpoint import LIVE_PATH
from streams.settings import Settings

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes"
OPERATIONS = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
_WORKER, _TRAINER, _FEED = "StatefulSet/highlights-worker", "CronJob/highlights-trainer", "Deployment/highlights-feed"
BASE: dict[str, dict[str, Any]] = {
    f"{document['kind']}/{document['metadata']['name']}": document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text())
}
KEDA: dict[str, dict[str, Any]] = {
    document["kind"]: document for document in yaml.safe_load_all((FOLDER / "keda.yaml").read_text())
}
COMMANDS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((FOLDER / name).read_text()) for name in ("command.yaml", "command-releases.yaml")
}
POD: dict[str, Any] = BASE[_WORKER]["spec"]["template"]["spec"]
(WORKER,) = POD["containers"]
TRAINER_POD: dict[str, Any] = BASE[_TRAINER]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
(TRAINER,) = TRAINER_POD["containers"]
FEED_POD: dict[str, Any] = BASE[_FEED]["spec"]["template"]["spec"]
(FEED,) = FEED_POD["containers"]
COMMAND_PODS = [manifest["spec"]["template"]["spec"] for manifest in COMMANDS.values()]
every_pod = pytest.mark.parametrize(
    ("pod", "container"),
    [(POD, WORKER), (TRAINER_POD, TRAINER), (FEED_POD, FEED), *((pod, pod["containers"][0]) for pod in COMMAND_PODS)],
    ids=["worker", "trainer", "feed", *COMMANDS],
)
KNOWN = set(as_environment(Settings())) | {
    f"HIGHLIGHTS_{group.upper()}__{field.upper()}"
    for group, value in Settings()
    if isinstance(value, BaseModel)
    for field in type(value).model_fields
}


def validate(document: dict[str, Any]) -> None:
    """Assert that a manifest is valid by the schema of the newest Kubernetes, which allows no unknown field."""
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", [*BASE, *COMMANDS])
def test_kubernetes_knows_each_field(name: str) -> None:
    """A manifest is valid."""
    validate((BASE | COMMANDS)[name])


@pytest.mark.parametrize("name", ["configmap.yaml", "statefulset.yaml", "trainer.yaml", "feed.yaml", *COMMANDS])
def test_what_is_commented_out_is_valid(name: str) -> None:
    """With the volume of a private authority, or the settings that name it, a manifest is as valid."""
    commented = re.compile(r"^( *)# (?=- \{?name: authorities|  secret:|HIGHLIGHTS_\w+: )", re.MULTILINE)
    text, marks = commented.subn(r"\1", (FOLDER / name).read_text())
    assert marks >= 2
    for document in yaml.safe_load_all(text):
        validate(document)


def test_every_file_is_in_use() -> None:
    """What is not in kustomization.yaml is KEDA's, which a cluster may not have, or for one command at a time."""
    apart = {"kustomization.yaml", "keda.yaml", *COMMANDS}
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], *apart}


def test_settings_exist() -> None:
    """Each setting in the manifests is one of ours."""
    named = re.findall(r"HIGHLIGHTS_[A-Z_]+", "".join(path.read_text() for path in FOLDER.glob("*.yaml")))
    assert set(named) <= KNOWN | {"HIGHLIGHTS_WORKER__STOP_TIMEOUT_S"}


def test_values_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the ConfigMap, with secrets, are valid settings."""
    for name, value in BASE["ConfigMap/highlights"]["data"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HIGHLIGHTS_KAFKA__USERNAME", "highlights")
    monkeypatch.setenv("HIGHLIGHTS_KAFKA__PASSWORD", "secret")
    assert Settings().worker.session_timeout_s == 20


def test_a_pod_is_a_static_member() -> None:
    """The pod's name is the worker's name in its group."""
    env = {variable["name"]: variable for variable in WORKER["env"]}
    assert env["POD_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert env["HIGHLIGHTS_WORKER__GROUP_INSTANCE_ID"]["value"] == "$(POD_NAME)"


def test_the_last_flush_has_time() -> None:
    """Kubernetes waits longer for an end than the worker for its last flush."""
    assert POD["terminationGracePeriodSeconds"] > Settings().worker.stop_timeout_s


@every_pod
def test_a_pod_is_bounded_and_may_little(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """A pod has limits, is not root, writes to its volumes alone, has no token, and no variables of services."""
    assert {"memory"} <= set(container["resources"]["limits"])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


@every_pod
def test_the_user_is_that_of_the_image(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """The manifest's user is the one that the image makes, and kustomization.yaml says where the image is."""
    where = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in KUSTOMIZATION["images"]}
    (name,) = [name for name, place in where.items() if container["image"] in (name, place)]
    dockerfile = (FOLDER.parent / "images" / name.removeprefix("highlights-") / "Dockerfile").read_text()
    assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_and_has_all_settings(name: str) -> None:
    """Its words are a command of ours, it has the settings of the worker, it is not repeated, and the document names it."""
    (container,) = COMMANDS[name]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["highlights"]
    assert container["args"][0] in typer.main.get_command(app).commands
    assert container["envFrom"] == WORKER["envFrom"]
    assert COMMANDS[name]["spec"]["backoffLimit"] == 0
    assert name in OPERATIONS


def test_the_command_for_releases_has_those_of_the_trainer() -> None:
    """It runs the trainer's image on the trainer's volume."""
    pod = COMMANDS["command-releases.yaml"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["volumes"][0] == TRAINER_POD["volumes"][0]
    assert container["volumeMounts"][0] == TRAINER["volumeMounts"][0]
    assert container["env"] == TRAINER["env"]


def test_one_trainer_at_a_time_keeps_its_releases() -> None:
    """It does not run twice at once, and releases lie on a volume that outlives it."""
    assert BASE[_TRAINER]["spec"]["concurrencyPolicy"] == "Forbid"
    claims = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in TRAINER_POD["volumes"][:1]}
    assert list(claims.values()) == [BASE["PersistentVolumeClaim/highlights-releases"]["metadata"]["name"]]
    (folder,) = [mount["mountPath"] for mount in TRAINER["volumeMounts"] if mount["name"] in claims]
    assert {"name": "HIGHLIGHTS_DATA_DIR", "value": folder} in TRAINER["env"]


@pytest.mark.parametrize("owner", [_WORKER, _FEED])
def test_selectors_find_the_pods(owner: str) -> None:
    """Service and budget of the same name select by labels that the pods have, and a service's ports are ports of theirs."""
    pod = BASE[owner]["spec"]["template"]
    name, labels = BASE[owner]["metadata"]["name"], pod["metadata"]["labels"].items()
    service = BASE[f"Service/{name}"]["spec"]
    assert service["selector"].items() <= labels
    assert BASE[f"PodDisruptionBudget/{name}"]["spec"]["selector"]["matchLabels"].items() <= labels
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    assert BASE[owner]["spec"].get("serviceName", name) == name


def test_the_feed_asks_for_keys() -> None:
    """It serves others, so it has a file of keys, from a secret of which it mounts nothing else."""
    env = {variable["name"]: variable.get("value") for variable in FEED["env"]}
    (mount,) = [mount for mount in FEED["volumeMounts"] if mount["name"] == "keys"]
    (item,) = FEED_POD["volumes"][0]["secret"]["items"]
    assert env["HIGHLIGHTS_SERVING__KEYS_FILE"] == f"{mount['mountPath']}/{item['path']}"
    ports = {port["name"]: port["containerPort"] for port in FEED["ports"]}
    assert ports == {"http": Settings().serving.port, "metrics": int(env["HIGHLIGHTS_SERVING__METRICS_PORT"] or 0)}


def test_a_worker_that_hangs_is_started_again() -> None:
    """Metrics come from a thread of their own, which answers whatever the worker does: liveness is asked for its event loop."""
    assert WORKER["livenessProbe"]["httpGet"] == {"path": LIVE_PATH, "port": "metrics"}


def test_the_feed_stays_in_service_without_clickhouse() -> None:
    """It begins when it has scores, and is in service while it answers: all servers lose ClickHouse at once."""
    probed = {probe: FEED[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probed == {"startupProbe": "/health/ready", "readinessProbe": "/health/live", "livenessProbe": "/health/live"}


def test_the_feed_has_no_secret_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads ClickHouse as a user of its own and never sees the secret of the hashes; its settings are accepted."""
    assert FEED["envFrom"] == [{"configMapRef": {"name": "highlights"}}]
    keys = {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in FEED["env"] if "valueFrom" in variable}
    assert keys == {
        "HIGHLIGHTS_KAFKA__USERNAME": {"name": "highlights", "key": "HIGHLIGHTS_KAFKA__USERNAME"},
        "HIGHLIGHTS_KAFKA__PASSWORD": {"name": "highlights", "key": "HIGHLIGHTS_KAFKA__PASSWORD"},
        "HIGHLIGHTS_CLICKHOUSE__PASSWORD": {"name": "highlights-feed", "key": "clickhouse-password"},
    }
    own = {variable["name"]: variable["value"] for variable in FEED["env"] if "value" in variable}
    here = {"HIGHLIGHTS_SERVING__KEYS_FILE": str(FOLDER / "feed.yaml")}
    for name, value in (BASE["ConfigMap/highlights"]["data"] | dict.fromkeys(keys, "secret") | own | here).items():
        monkeypatch.setenv(name, value)
    assert Settings().clickhouse.user == "reader"
    assert Settings().hash_secret == Settings.model_fields["hash_secret"].default


def test_secrets_have_what_the_manifests_take_from_them() -> None:
    """Each key that a manifest takes out of a secret is one that the operator's document has people put into it."""
    text = "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    taken = set(re.findall(r"\bname: (highlights(?:-feed)?), key: ([\w.-]+)", text)) | {("highlights-feed", "keys.yaml")}
    assert len(taken) == 4
    for secret, key in taken:
        command = re.search(rf"create secret generic {secret} ((?:.*\\\n)*.*)", OPERATIONS)
        assert command
        assert re.search(rf"--from-(literal={key}=|file={key}\b)", command.group(1)), (secret, key)


def test_the_feed_is_scaled() -> None:
    """The autoscaler's target is the deployment, whose own number of servers nobody sets, and which says what CPU it asks for."""
    scaler = BASE["HorizontalPodAutoscaler/highlights-feed"]["spec"]
    assert f"{scaler['scaleTargetRef']['kind']}/{scaler['scaleTargetRef']['name']}" == _FEED
    assert "replicas" not in BASE[_FEED]["spec"]
    assert "cpu" in FEED["resources"]["requests"]


def test_keda_scales_the_workers_by_their_lag() -> None:
    """The scaler's target, topic and group are those of the workers, and there are as many of them as partitions at most."""
    scaled = KEDA["ScaledObject"]["spec"]
    (trigger,) = scaled["triggers"]
    data, settings = BASE["ConfigMap/highlights"]["data"], Settings()
    assert scaled["scaleTargetRef"]["name"] == BASE[_WORKER]["metadata"]["name"]
    assert trigger["metadata"]["consumerGroup"] == settings.group
    assert trigger["metadata"]["topic"] == "interactions"
    assert trigger["metadata"]["bootstrapServers"] == data["HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS"]
    assert scaled["maxReplicaCount"] == int(data["HIGHLIGHTS_KAFKA__INTERACTIONS_PARTITIONS"])


def test_keda_finds_user_and_password() -> None:
    """KEDA reads both from the authentication alone, and they are in one place: the secret that the workers have."""
    (trigger,) = KEDA["ScaledObject"]["spec"]["triggers"]
    authentication = KEDA["TriggerAuthentication"]
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert not {"username", "password"} & set(trigger["metadata"])
    (secret,) = [source["secretRef"]["name"] for source in WORKER["envFrom"] if "secretRef" in source]
    assert authentication["spec"]["secretTargetRef"] == [
        {"parameter": parameter, "name": secret, "key": f"HIGHLIGHTS_KAFKA__{parameter.upper()}"}
        for parameter in ("username", "password")
    ]
    assert "HIGHLIGHTS_KAFKA__USERNAME" not in BASE["ConfigMap/highlights"]["data"]


def test_prometheus_finds_the_pods() -> None:
    """The jobs that the operator's document shows have the names that the alerts know, and keep the pods' ports of metrics."""
    (text,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", OPERATIONS, re.DOTALL)
    jobs = {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}
    assert set(jobs) == {"worker", "feed"}
    for name, owner in (("worker", _WORKER), ("feed", _FEED)):
        keep, pod = jobs[name]["relabel_configs"][0], BASE[owner]["spec"]["template"]
        assert keep["action"] == "keep"
        assert keep["regex"] == f"{pod['metadata']['labels']['app.kubernetes.io/name']}/metrics"
        assert "metrics" in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        assert jobs[name]["kubernetes_sd_configs"][0]["namespaces"]["names"] == [KUSTOMIZATION["namespace"]]
