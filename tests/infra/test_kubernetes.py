"""The Kubernetes manifests, checked against Kubernetes' own schemas without a cluster."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel

from streams.cli.environment import as_environment
from streams.settings import Settings

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes"
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
POD: dict[str, Any] = BASE[_WORKER]["spec"]["template"]["spec"]
(WORKER,) = POD["containers"]
TRAINER_POD: dict[str, Any] = BASE[_TRAINER]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
(TRAINER,) = TRAINER_POD["containers"]
FEED_POD: dict[str, Any] = BASE[_FEED]["spec"]["template"]["spec"]
(FEED,) = FEED_POD["containers"]
every_pod = pytest.mark.parametrize(
    ("pod", "container"), [(POD, WORKER), (TRAINER_POD, TRAINER), (FEED_POD, FEED)], ids=["worker", "trainer", "feed"]
)
KNOWN = set(as_environment(Settings())) | {
    f"HIGHLIGHTS_{group.upper()}__{field.upper()}"
    for group, value in Settings()
    if isinstance(value, BaseModel)
    for field in type(value).model_fields
}


@pytest.mark.parametrize("name", BASE)
def test_kubernetes_knows_each_field(name: str) -> None:
    """A manifest is valid by the schema of the newest Kubernetes, which allows no unknown field."""
    kubernetes_validate.validate(BASE[name], kubernetes_validate.latest_version(), strict=True)


def test_every_file_is_in_use() -> None:
    """What is not in kustomization.yaml is KEDA's, which a cluster may not have."""
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml", "keda.yaml"}


def test_settings_exist() -> None:
    """Each setting in the manifests is one of ours."""
    named = re.findall(r"HIGHLIGHTS_[A-Z_]+", "".join(path.read_text() for path in FOLDER.glob("*.yaml")))
    assert set(named) <= KNOWN | {"HIGHLIGHTS_WORKER__STOP_TIMEOUT_S"}


def test_values_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the ConfigMap, with secrets, are valid settings."""
    for name, value in BASE["ConfigMap/highlights"]["data"].items():
        monkeypatch.setenv(name, value)
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
    """A pod has limits, is not root, writes to its volumes alone, and has no token."""
    assert {"memory"} <= set(container["resources"]["limits"])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False


@every_pod
def test_the_user_is_that_of_the_image(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """The manifest's user is the one that the image makes, and kustomization.yaml says where the image is."""
    dockerfile = (FOLDER.parent / "images" / container["name"] / "Dockerfile").read_text()
    assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile
    assert container["image"] in [image["name"] for image in KUSTOMIZATION["images"]]


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


def test_the_feed_asks_for_keys_and_is_asked_how_it_is() -> None:
    """It serves others, so it has a file of keys, from a secret; each probe is an operation of the interface."""
    env = {variable["name"]: variable["value"] for variable in FEED["env"]}
    (mount,) = [mount for mount in FEED["volumeMounts"] if mount["name"] == "keys"]
    assert env["HIGHLIGHTS_SERVING__KEYS_FILE"].startswith(mount["mountPath"])
    assert "secret" in FEED_POD["volumes"][0]
    probed = {FEED[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probed == {"/health/ready", "/health/live"}
    ports = {port["name"]: port["containerPort"] for port in FEED["ports"]}
    assert ports == {"http": Settings().serving.port, "metrics": int(env["HIGHLIGHTS_SERVING__METRICS_PORT"])}


def test_the_feed_is_scaled() -> None:
    """The autoscaler's target is the deployment, whose own number of servers nobody sets, and which says what CPU it asks for."""
    scaler = BASE["HorizontalPodAutoscaler/highlights-feed"]["spec"]
    assert f"{scaler['scaleTargetRef']['kind']}/{scaler['scaleTargetRef']['name']}" == _FEED
    assert "replicas" not in BASE[_FEED]["spec"]
    assert "cpu" in FEED["resources"]["requests"]


def test_keda_scales_the_workers_by_their_lag() -> None:
    """The scaler's target, topic, group and user are those of the workers."""
    scaled = KEDA["ScaledObject"]["spec"]
    (trigger,) = scaled["triggers"]
    data, settings = BASE["ConfigMap/highlights"]["data"], Settings()
    assert scaled["scaleTargetRef"]["name"] == BASE[_WORKER]["metadata"]["name"]
    assert trigger["metadata"]["consumerGroup"] == settings.worker.group
    assert trigger["metadata"]["topic"] == "interactions"
    assert trigger["metadata"]["bootstrapServers"] == data["HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS"]
    assert trigger["metadata"]["username"] == data["HIGHLIGHTS_KAFKA__USERNAME"]
    assert trigger["authenticationRef"]["name"] == KEDA["TriggerAuthentication"]["metadata"]["name"]
