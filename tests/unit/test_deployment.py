"""The examples of deployments say what the programs take: each key one of the host's, each argument one of theirs."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from qntx.cli import up
from qntx.cli.__main__ import cli
from qntx.host import config as configuration
from qntx.host.home import Home
from qntx.host.plugins import remote
from qntx.plugin import arguments

DEPLOYMENT = Path(__file__).parents[2] / "chassis" / "deployment"
COMPOSE = DEPLOYMENT / "containers" / "compose.yaml"
KUBERNETES = DEPLOYMENT / "kubernetes" / "qntx.yaml"
SECRETS = {"PLUGIN_TOKEN": "of the example", "QNTX_PLUGIN_TOKEN": "of the example"}


def kubernetes(kind: str, name: str) -> Any:
    documents = yaml.safe_load_all(KUBERNETES.read_text())
    return next(each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name))


def container(kind: str, name: str) -> Any:
    return kubernetes(kind, name)["spec"]["template"]["spec"]["containers"][0]


def compose(name: str) -> Any:
    return yaml.safe_load(COMPOSE.read_text())["services"][name]


CONFIGURATIONS = {
    "compose": (COMPOSE.parent / "am.toml").read_text(),
    "kubernetes": kubernetes("ConfigMap", "qntx")["data"]["am.toml"],
}


@pytest.mark.parametrize("example", CONFIGURATIONS)
def test_the_host_reads_the_configuration_and_finds_replicas_by_name(example: str, tmp_path: Path) -> None:
    file = tmp_path / "am.toml"
    file.write_text(CONFIGURATIONS[example])

    read = configuration.load(Home(tmp_path), named=file)

    attached = remote.remotes(read.of_plugins, SECRETS)
    assert [one.port for one in attached["data"].addresses] == [38700]
    assert all(one.metadata() for one in attached.values())


@pytest.mark.parametrize(
    "said", [compose("host")["command"], container("StatefulSet", "host")["args"]], ids=["compose", "kubernetes"]
)
def test_the_host_takes_its_arguments(said: list[str]) -> None:
    command = cli.get_command(click.Context(cli), said[0])
    assert command is not None
    _, left, _ = command.make_parser(click.Context(command)).parse_args(list(said[1:]))

    assert left == []


@pytest.mark.parametrize(
    "said",
    [compose("bio")["command"], compose("data")["command"], container("Deployment", "data")["args"]],
    ids=["compose-bio", "compose-data", "kubernetes"],
)
def test_the_plugin_takes_its_arguments_and_its_token(said: list[str]) -> None:
    read = arguments.read("qntx-data-plugin", said, SECRETS)

    assert read.unknown == ()
    assert (read.host, read.port, read.drain_seconds) == ("0.0.0.0", 38700, 60)
    assert read.credentials.token


@pytest.mark.parametrize(
    ("example", "grace"),
    [
        ("compose", compose("host")["stop_grace_period"]),
        ("kubernetes", kubernetes("StatefulSet", "host")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]),
    ],
)
def test_a_host_is_given_the_time_that_it_takes_to_stop(example: str, grace: str | int) -> None:
    drained = tomllib.loads(CONFIGURATIONS[example])["pulse"]["drain_seconds"]

    assert int(re.sub("s$", "", str(grace))) >= drained + up.STOP_SECONDS + up.LEAVE_SECONDS


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "host"), ("Deployment", "data")])
def test_the_images_user_may_write_to_what_is_mounted_as_its_home(kind: str, name: str) -> None:
    said = container(kind, name)
    home = next(one["value"] for one in said["env"] if one["name"] == "QNTX_HOME")

    assert home in [each["mountPath"] for each in said["volumeMounts"]]
    assert kubernetes(kind, name)["spec"]["template"]["spec"]["securityContext"]["fsGroup"] == 65534


def test_what_a_container_is_given_outlasts_its_draining() -> None:
    drained = {
        "compose": (compose("bio")["command"], compose("bio")["stop_grace_period"]),
        "kubernetes": (
            container("Deployment", "data")["args"],
            kubernetes("Deployment", "data")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
        ),
    }

    for said, grace in drained.values():
        assert int(re.sub("s$", "", str(grace))) > float(said[said.index("--drain") + 1])


def test_the_secrets_that_the_configurations_name_are_given() -> None:
    for text, given in (
        (CONFIGURATIONS["compose"], set(compose("host")["environment"])),
        (CONFIGURATIONS["kubernetes"], {one["name"] for one in container("StatefulSet", "host")["env"]}),
    ):
        sections = tomllib.loads(text)
        named = {one["token"].removeprefix("env:") for one in sections.values() if "token" in one}
        assert named | {"QNTX_DATABASE"} <= given


def test_what_the_compose_file_refers_to_is_there() -> None:
    text = COMPOSE.read_text()
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    sections = tomllib.loads(CONFIGURATIONS["compose"])

    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    files = {name for name in mounted if name.startswith("./")}
    assert set(mounted) - files == set(yaml.safe_load(text)["volumes"])
    # Beside the file, or made by the lines above it.
    assert [name for name in files if not (COMPOSE.parent / name).exists()] == ["./tokens.json"]
    assert re.search(r"^# .* install .* tokens\.json\b", text, re.MULTILINE)
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == set(re.findall(r"(\w+)=\$\(cat", text))
    assert {name for service in services.values() for name in service.get("depends_on", ())} <= set(services)
    addressed = [sections["host"]["services_advertised"], *(sections[name]["address"] for name in ("bio", "data"))]
    addressed.append(
        urlsplit(services["host"]["environment"]["QNTX_DATABASE"].replace("${DATABASE_PASSWORD:?}", "p")).netloc
    )
    assert {re.sub(r"^.*@|:\d+$", "", address) for address in addressed} == set(services)
    listening = services["host"]["command"][services["host"]["command"].index("--listen") + 1]
    assert [port.rsplit(":", 1)[1] for port in services["host"]["ports"]] == [listening.rsplit(":", 1)[1]]


def test_what_the_kubernetes_manifests_refer_to_is_there() -> None:
    documents = list(yaml.safe_load_all(KUBERNETES.read_text()))
    made = set(re.findall(r"--from-(?:literal|file)=([\w.]+)=", KUBERNETES.read_text()))
    workloads = [each for each in documents if each["kind"] in ("StatefulSet", "Deployment")]
    services = {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == "Service"}

    asked: set[str] = set()
    serving: dict[str, dict[int, str]] = {}
    for workload in workloads:
        spec, pod = workload["spec"], workload["spec"]["template"]["spec"]
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels
        (one,) = pod["containers"]
        serving[labels["app"]] = {port["containerPort"]: port["name"] for port in one["ports"]}
        claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in one["volumeMounts"]} == {*volumes, *claims}
        referred = [variable["valueFrom"].get("secretKeyRef") for variable in one["env"] if "valueFrom" in variable]
        asked |= {each["key"] for each in referred if each}
        asked |= {item["key"] for volume in volumes.values() for item in volume.get("secret", {}).get("items", ())}
        assert {"qntx"} == {each["name"] for each in referred if each}
        probe = next(iter(one["readinessProbe"].values()))["port"]
        assert probe in [*serving[labels["app"]], *serving[labels["app"]].values()]
    assert asked == made
    for service in services.values():
        (port,) = service["ports"]
        assert serving[service["selector"]["app"]][port["port"]] == port["name"]
    assert kubernetes("StatefulSet", "host")["spec"]["serviceName"] in services
    assert CONFIGURATIONS["kubernetes"].count('address = "data:38700"') == ("data" in services)


@pytest.mark.parametrize(
    "file", sorted([*DEPLOYMENT.rglob("*.yaml"), *DEPLOYMENT.rglob("*.md")]), ids=lambda file: file.name
)
def test_the_command_line_takes_every_qntx_line(file: Path) -> None:
    # A line of a comment, or words of a text that stand as code.
    said = re.findall(r"^#\s+qntx (.+?)(?: +#|$)|`qntx ([^`]+)`", file.read_text(), re.MULTILINE)

    for line in (first or second for first, second in said):
        command: click.Command = cli
        words = shlex.split(line.replace("…", "anything"))
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        given = [word for word in words if word.startswith("--")]
        taken = {name for parameter in command.params for name in parameter.opts}
        assert set(given) <= taken | {"--help"}, line
