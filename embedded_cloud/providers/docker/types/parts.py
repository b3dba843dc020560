"""Networks, volumes and images, which containers use."""

from __future__ import annotations

from typing import Any

from docker.errors import ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool

from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.modelled import names, properties
from embedded_cloud.providers.plugin import Properties


class Network(DockerResource):
    """A network of the Docker engine."""

    token = "docker:index/network:Network"
    replace_on = names("name driver internal ipamConfigs")
    defaults = properties(driver="bridge", internal=False)

    def create(self, inputs: Properties) -> str:
        pools = [IPAMPool(subnet=each["subnet"], gateway=each.get("gateway")) for each in inputs.get("ipamConfigs", [])]
        network = self.client.networks.create(
            inputs["name"],
            driver=inputs["driver"],
            internal=inputs["internal"],
            ipam=IPAMConfig(pool_configs=pools) if pools else None,
            check_duplicate=True,
        )
        return str(network.id)

    def describe(self, id: str) -> Properties | None:
        try:
            attributes: dict[str, Any] = self.client.networks.get(id).attrs
        except NotFound:
            return None
        pools: list[dict[str, str]] = attributes["IPAM"]["Config"] or []
        return {
            "name": attributes["Name"],
            "driver": attributes["Driver"],
            "internal": attributes["Internal"],
            # If the request had no gateway, the Docker engine adds one, at the latest when the engine starts again.
            "ipamConfigs": [{key.lower(): each[key] for key in ("Subnet", "Gateway") if each.get(key)} for each in pools],
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.client.networks.get(id).remove()


class Volume(DockerResource):
    """A named volume; its name is its id."""

    token = "docker:index/volume:Volume"
    replace_on = names("name driver")
    defaults = properties(driver="local")

    def create(self, inputs: Properties) -> str:
        return str(self.client.volumes.create(inputs["name"], driver=inputs["driver"]).name)

    def describe(self, id: str) -> Properties | None:
        try:
            attributes: dict[str, Any] = self.client.volumes.get(id).attrs
        except NotFound:
            return None
        return {"name": attributes["Name"], "driver": attributes["Driver"], "mountpoint": attributes["Mountpoint"]}

    def delete(self, id: str, inputs: Properties) -> None:
        self.client.volumes.get(id).remove()


class RemoteImage(DockerResource):
    """An image on the host, pulled unless the host already has it."""

    token = "docker:index/remoteImage:RemoteImage"
    replace_on = names("name pullTriggers")
    provider_only = names("keepLocally pullTriggers")

    def create(self, inputs: Properties) -> str:
        name: str = inputs["name"]
        try:
            image = self.client.images.get(name)
        except ImageNotFound:
            image = self.client.images.pull(name, auth_config=self._login(name))
        return f"{image.id}{name}"

    def describe(self, id: str) -> Properties | None:
        """Inputs and outputs of the image. As in the official provider, the resource's id is the image id followed by the name."""
        name = id[len("sha256:") + 64 :]
        try:
            image = self.client.images.get(name)
        except ImageNotFound:
            return None
        digests: list[str] = image.attrs.get("RepoDigests") or [""]
        return {"name": name, "imageId": image.id, "repoDigest": digests[0]}

    def delete(self, id: str, inputs: Properties) -> None:
        if not inputs.get("keepLocally"):
            self.client.images.remove(inputs["name"])

    def _login(self, name: str) -> dict[str, str] | None:
        host = name.partition("/")[0]
        for registry in self.registries:
            if registry["address"] == host:
                return {"username": registry["username"], "password": registry["password"]}
        return None
