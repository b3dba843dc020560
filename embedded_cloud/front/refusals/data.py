"""KMS keys, log groups, DNS records, roles and policies."""

from __future__ import annotations

from typing import Any

from embedded_cloud.front.backends import backend, key_of_ciphertext
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals._table import refuses

KMS = "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"
LOGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"

USES_OF_KEYS = (
    *("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "CreateAlias", "UpdateAlias"),
    *("EnableKey", "DisableKey", "EnableKeyRotation", "DisableKeyRotation", "PutKeyPolicy", "UpdateKeyDescription", "TagResource"),
    *("UntagResource", "ScheduleKeyDeletion"),
)

NAMES_OF_KEYS = ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")
"""The parameters that name a key: of most calls, of the calls for aliases, and of ReEncrypt."""


@refuses("kms", *USES_OF_KEYS, code="KMSInvalidStateException", source=KMS)
def key_pending_deletion(call: Call) -> str | None:
    """Any use of a KMS key that is pending deletion.

    A call uses the keys that it names, and the key that encrypted its ciphertext.
    """
    for id in (*(call.parameters.get(name) for name in NAMES_OF_KEYS), key_of_ciphertext(call)):
        key = _key(call, id) if id else None
        if key is not None and key.key_state == "PendingDeletion":
            return f"{key.arn} is pending deletion."
    return None


@refuses("logs", "CreateLogGroup", "AssociateKmsKey", code="InvalidParameterException", source=LOGS)
def log_group_key(call: Call) -> str | None:
    """A log group with a key that does not exist, that is not enabled, or whose policy does not name CloudWatch Logs."""
    arn = call.parameters.get("kmsKeyId")
    if not arn:
        return None
    key = _key(call, arn)
    if key is not None and key.key_state == "Enabled" and f"logs.{call.region}.amazonaws.com" in (key.policy or ""):
        return None
    return f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"


@refuses(
    "route53",
    "ChangeResourceRecordSets",
    code="InvalidInput",
    source="https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html",
)
def record_without_values(call: Call) -> str | None:
    """A DNS record that has neither an alias target, nor both values and a TTL."""
    for change in call.parameters["ChangeBatch"]["Changes"]:
        record = change["ResourceRecordSet"]
        if not record.get("AliasTarget") and (not record.get("ResourceRecords") or record.get("TTL") is None):
            found = f"Change with [Action={change['Action']}, Name={record['Name']}, Type={record['Type']}, SetIdentifier=null]"
            kinds = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
            return f"Invalid request: Expected exactly one of {kinds}, but found none in {found}"
    return None


@refuses(
    "iam", "DeletePolicy", code="DeleteConflict", source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html"
)
def policy_in_use(call: Call) -> str | None:
    """Deleting a policy that is attached to a role or is a role's boundary."""
    arn = call.parameters["PolicyArn"]
    for role in list(backend("iam", call).roles.values()):
        if arn in role.managed_policies or arn == role.permissions_boundary_arn:
            return "Cannot delete a policy attached to entities."
    return None


def _key(call: Call, id: str) -> Any:
    kms = backend("kms", call)
    try:
        return kms.keys.get(kms.get_key_id(id) if ":" in id else (kms.get_key_id_from_alias(id) if id.startswith("alias/") else id))
    except Exception:
        return None
