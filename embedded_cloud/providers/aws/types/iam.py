"""Roles, their policies, and OIDC identity providers."""

from __future__ import annotations

from embedded_cloud.providers.aws._values import Properties, given, json_text, pick, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class Role(AwsResource):
    """A role; its trust policy names the principals that may assume it."""

    token = "aws:iam/role:Role"
    service = "iam"
    replace_on = names("name path")
    updatable = TAGS | names("assumeRolePolicy description maxSessionDuration permissionsBoundary")
    tagging = Tagging(resource="RoleName", add="tag_role", remove="untag_role")
    defaults = properties(path="/", maxSessionDuration=3600)
    auto_name = "name"
    name_limit = 64

    def create(self, inputs: Properties) -> str:
        self.api.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            **given(inputs, "path", "description", "maxSessionDuration", "permissionsBoundary"),
            Tags=tag_list(inputs["tagsAll"]),
        )
        return inputs["name"]

    def read(self, id: str) -> Properties | None:
        role = self.api.get_role(RoleName=id)["Role"]
        return {
            "name": id,
            **pick(role, "path", "description", "maxSessionDuration", "arn"),
            "assumeRolePolicy": json_text(role["AssumeRolePolicyDocument"]),
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "uniqueId": role["RoleId"],
            "tagsAll": tag_dict(role.get("Tags")),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new["assumeRolePolicy"] != old.get("assumeRolePolicy"):
            self.api.update_assume_role_policy(RoleName=id, PolicyDocument=new["assumeRolePolicy"])
        if boundary := new.get("permissionsBoundary"):
            self.api.put_role_permissions_boundary(RoleName=id, PermissionsBoundary=boundary)
        elif old.get("permissionsBoundary"):
            self.api.delete_role_permissions_boundary(RoleName=id)
        self.api.update_role(RoleName=id, Description=new.get("description", ""), MaxSessionDuration=new["maxSessionDuration"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_role(RoleName=id)


class RolePolicy(AwsResource):
    """An inline policy of a role; its id is ``ROLE:POLICY``."""

    token = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    replace_on = names("name role")
    updatable = names("policy")
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


class Policy(AwsResource):
    """A managed policy; its id is its ARN. A changed document becomes a new version, and the older versions are deleted."""

    token = "aws:iam/policy:Policy"
    service = "iam"
    replace_on = names("name path description")
    updatable = TAGS | names("policy")
    tagging = Tagging(resource="PolicyArn", add="tag_policy", remove="untag_policy")
    defaults = properties(path="/")
    auto_name = "name"
    name_limit = 128

    def create(self, inputs: Properties) -> str:
        made = self.api.create_policy(
            PolicyName=inputs["name"],
            PolicyDocument=inputs["policy"],
            **given(inputs, "path", "description"),
            Tags=tag_list(inputs["tagsAll"]),
        )
        return made["Policy"]["Arn"]

    def read(self, id: str) -> Properties | None:
        policy = self.api.get_policy(PolicyArn=id)["Policy"]
        version = self.api.get_policy_version(PolicyArn=id, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        return {
            "name": policy["PolicyName"],
            **pick(policy, "path", "description", "arn"),
            "policy": json_text(version["Document"]),
            "tagsAll": tag_dict(policy.get("Tags")),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.create_policy_version(PolicyArn=id, PolicyDocument=new["policy"], SetAsDefault=True)
        self._remove_old_versions(id)

    def _remove_old_versions(self, id: str) -> None:
        for version in self.api.list_policy_versions(PolicyArn=id)["Versions"]:
            if not version["IsDefaultVersion"]:
                self.api.delete_policy_version(PolicyArn=id, VersionId=version["VersionId"])

    def delete(self, id: str, inputs: Properties) -> None:
        self._remove_old_versions(id)
        self.api.delete_policy(PolicyArn=id)


class RolePolicyAttachment(AwsResource):
    """The attachment of a managed policy to a role; its id is ``ROLE/POLICY_ARN``, as in ``pulumi import``."""

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
    """An OIDC provider: an issuer of tokens that the account trusts."""

    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service = "iam"
    replace_on = names("url clientIdLists")  # moto cannot add a client to an existing provider
    updatable = TAGS | names("thumbprintLists")
    tagging = Tagging(
        resource="OpenIDConnectProviderArn", add="tag_open_id_connect_provider", remove="untag_open_id_connect_provider"
    )

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
