"""The launch template of the nodes."""

from __future__ import annotations

from typing import Any

from embedded_cloud.providers.aws._values import Properties, attribute_text, camel, first, given, pascal, pick, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS
from embedded_cloud.providers.aws.types.ec2 import Ec2Resource, with_tags
from embedded_cloud.providers.modelled import names

FLAGS = ("encrypted", "deleteOnTermination")
"""Block device properties that are strings in the SDK and booleans in the API."""


class LaunchTemplate(Ec2Resource):
    """The configuration of new instances. A change of the content or description creates a new version.

    The old versions exist until the template is deleted.
    """

    token = "aws:ec2/launchTemplate:LaunchTemplate"
    content = names(
        "metadataOptions blockDeviceMappings vpcSecurityGroupIds tagSpecifications monitoring instanceType imageId userData"
    )
    replace_on = names("name")
    updatable = TAGS | content | names("description")
    provider_only = names("updateDefaultVersion")
    volatile = names("latestVersion defaultVersion")
    auto_name = "name"

    def create(self, inputs: Properties) -> str:
        made = self.api.create_launch_template(
            LaunchTemplateName=inputs["name"], **_version(inputs), **with_tags("launch-template", inputs)
        )
        return made["LaunchTemplate"]["LaunchTemplateId"]

    def read(self, id: str) -> Properties | None:
        template = first(self.api.describe_launch_templates(LaunchTemplateIds=[id])["LaunchTemplates"])
        [latest] = self.api.describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Latest"])["LaunchTemplateVersions"]
        return {
            "name": template["LaunchTemplateName"],
            "defaultVersion": template["DefaultVersionNumber"],
            "latestVersion": template["LatestVersionNumber"],
            "description": latest.get("VersionDescription"),
            **_content(latest["LaunchTemplateData"]),
            "arn": self.arn("launch-template", id),
            # moto's description of a template does not contain changes of the template's tags
            "tagsAll": tag_dict(self.api.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        made = self.api.create_launch_template_version(LaunchTemplateId=id, **_version(new))
        if new.get("updateDefaultVersion"):
            number = str(made["LaunchTemplateVersion"]["VersionNumber"])
            self.api.modify_launch_template(LaunchTemplateId=id, DefaultVersion=number)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_launch_template(LaunchTemplateId=id)


def _version(inputs: Properties) -> dict[str, Any]:
    data = given(inputs, "metadataOptions", "monitoring", "instanceType", "imageId", "userData")
    if groups := inputs.get("vpcSecurityGroupIds"):
        data["SecurityGroupIds"] = groups
    if devices := inputs.get("blockDeviceMappings"):
        data["BlockDeviceMappings"] = [_block_device(device) for device in devices]
    if specifications := inputs.get("tagSpecifications"):
        data["TagSpecifications"] = [
            {"ResourceType": each["resourceType"], "Tags": tag_list(each["tags"])} for each in specifications
        ]
    description = {"VersionDescription": inputs["description"]} if inputs.get("description") else {}
    return {"LaunchTemplateData": data, **description}


def _block_device(device: Properties) -> dict[str, Any]:
    disk = {key: value == "true" if key in FLAGS else value for key, value in device.get("ebs", {}).items()}
    return pascal({**device, "ebs": disk})


def _content(data: dict[str, Any]) -> Properties:
    described = pick(data, "metadataOptions", "monitoring", "instanceType", "imageId", "userData")
    described["vpcSecurityGroupIds"] = data.get("SecurityGroupIds", [])
    devices: list[Properties] = camel(data.get("BlockDeviceMappings", []))
    for device in devices:
        device["ebs"] = {key: attribute_text(value) if key in FLAGS else value for key, value in device.get("ebs", {}).items()}
    described["blockDeviceMappings"] = devices
    # moto also returns the template's own tags in TagSpecifications, with the resource type launch-template.
    described["tagSpecifications"] = [
        {"resourceType": each["ResourceType"], "tags": tag_dict(each["Tags"])}
        for each in data.get("TagSpecifications", [])
        if each["ResourceType"] != "launch-template"
    ]
    return described
