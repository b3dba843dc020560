"""Roles, their policies, and the cluster's identity provider."""

from __future__ import annotations

from embedded_cloud.providers.aws.resource import TAGS, AwsResource
from embedded_cloud.providers.aws.values import Properties, given, json_text, pick, tag_dict, tag_list
from embedded_cloud.providers.modelled import names, properties


class Role(AwsResource):
    """Who may do something: the trust policy says who may take the role."""

    token = "aws:iam/role:Role"
    service = "iam"
    replace_on = names("name path")
    updatable = TAGS | names("assumeRolePolicy description maxSessionDuration")
    set_by_create = updatable
    defaults = properties(path="/", maxSessionDuration=3600)
    auto_name = "name"
    name_limit = 64

    def create(self, inputs: Properties) -> str:
        self.api.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            **given(inputs, "path", "description", "maxSessionDuration"),
            Tags=tag_list(inputs["tagsAll"]),
        )
        return inputs["name"]

    def read(self, id: str) -> Properties | None:
        role = self.api.get_role(RoleName=id)["Role"]
        return {
            "name": id,
            **pick(role, "path", "description", "maxSessionDuration", "arn"),
            "assumeRolePolicy": json_text(role["AssumeRolePolicyDocument"]),
            "uniqueId": role["RoleId"],
            "tagsAll": tag_dict(role.get("Tags")),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new["assumeRolePolicy"] != old.get("assumeRolePolicy"):
            self.api.update_assume_role_policy(RoleName=id, PolicyDocument=new["assumeRolePolicy"])
        self.api.update_role(RoleName=id, Description=new.get("description", ""), MaxSessionDuration=new["maxSessionDuration"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_role(RoleName=id)

    def retag(self, id: str, changed: dict[str, str], removed: list[str]) -> None:
        if changed:
            self.api.tag_role(RoleName=id, Tags=tag_list(changed))
        if removed:
            self.api.untag_role(RoleName=id, TagKeys=removed)


class RolePolicy(AwsResource):
    """A policy inside a role; its id is ``ROLE:POLICY``."""

    token = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    replace_on = names("name role")
    updatable = names("policy")
    set_by_create = updatable
    auto_name = "name"
    name_limit = 128

    def create(self, inputs: Properties) -> str:
        self.api.put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, id: str) -> Properties | None:
        role, name = id.split(":", 1)
        found = self.api.get_role_policy(RoleName=role, PolicyName=name)
        return {"role": role, "name": name, "policy": json_text(found["PolicyDocument"])}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.create(new)

    def delete(self, id: str, inputs: Properties) -> None:
        role, name = id.split(":", 1)
        self.api.delete_role_policy(RoleName=role, PolicyName=name)


class RolePolicyAttachment(AwsResource):
    """A managed policy given to a role; its id is ``ROLE/POLICY ARN``, as it is imported."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    service = "iam"
    replace_on = names("role policyArn")

    def create(self, inputs: Properties) -> str:
        self.api.attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}"

    def read(self, id: str) -> Properties | None:
        role, policy = id.split("/", 1)
        attached = self.api.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return {"role": role, "policyArn": policy} if any(each["PolicyArn"] == policy for each in attached) else None

    def delete(self, id: str, inputs: Properties) -> None:
        role, policy = id.split("/", 1)
        self.api.detach_role_policy(RoleName=role, PolicyArn=policy)


class OpenIdConnectProvider(AwsResource):
    """Whose tokens the account trusts."""

    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service = "iam"
    replace_on = names("url clientIdLists")  # moto cannot add a client to a provider that exists
    updatable = TAGS | names("thumbprintLists")
    set_by_create = updatable

    def create(self, inputs: Properties) -> str:
        made = self.api.create_open_id_connect_provider(
            Url=inputs["url"],
            ClientIDList=inputs["clientIdLists"],
            ThumbprintList=inputs.get("thumbprintLists", []),
            Tags=tag_list(inputs["tagsAll"]),
        )
        return made["OpenIDConnectProviderArn"]

    def read(self, id: str) -> Properties | None:
        found = self.api.get_open_id_connect_provider(OpenIDConnectProviderArn=id)
        return {
            "url": f"https://{found['Url']}",
            "clientIdLists": found["ClientIDList"],
            "thumbprintLists": found["ThumbprintList"],
            "arn": id,
            "tagsAll": tag_dict(found.get("Tags")),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=id, ThumbprintList=new.get("thumbprintLists", [])
        )

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_open_id_connect_provider(OpenIDConnectProviderArn=id)

    def retag(self, id: str, changed: dict[str, str], removed: list[str]) -> None:
        if changed:
            self.api.tag_open_id_connect_provider(OpenIDConnectProviderArn=id, Tags=tag_list(changed))
        if removed:
            self.api.untag_open_id_connect_provider(OpenIDConnectProviderArn=id, TagKeys=removed)
