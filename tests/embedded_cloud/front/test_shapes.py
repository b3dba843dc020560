"""Parameters that violate AWS' models: each kind of constraint through boto3, without the client's own checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.utils import get_service_model

from embedded_cloud.front.shapes import in_python
from embedded_cloud.moto_server import ALWAYS
from embedded_cloud.providers.aws import types

GROUP = {"Protocol": "HTTP", "VpcId": "vpc-1", "TargetType": "ip"}


def client(endpoint: str, service: str) -> Any:
    options = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "-", "aws_secret_access_key": "-"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", config=options, **keys)


@pytest.mark.cloud
@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "said"),
    [
        pytest.param(
            *("elbv2", "create_target_group", {**GROUP, "Name": "a", "Port": 80, "TargetType": "pod"}, "ValidationError"),
            "Value 'pod' at 'TargetType' failed to satisfy constraint: Member must satisfy enum value set: [instance, ip, ",
            id="enum",
        ),
        pytest.param(
            *("elbv2", "create_target_group", {**GROUP, "Name": "a", "Port": 70000}, "ValidationError"),
            "Value '70000' at 'Port' failed to satisfy constraint: Member must have value less than or equal to 65535",
            id="range",
        ),
        pytest.param(
            *("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException"),
            r"Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
            id="pattern",
        ),
        pytest.param(
            *("iam", "create_role", {"RoleName": "r" * 65, "AssumeRolePolicyDocument": "{}"}, "ValidationError"),
            "failed to satisfy constraint: Member must have length less than or equal to 64",
            id="length",
        ),
        pytest.param(
            *("eks", "create_access_entry", {"clusterName": "a"}, "InvalidParameterException"),
            "Value null at 'principalArn' failed to satisfy constraint: Member must not be null",
            id="missing member",
        ),
        pytest.param(
            *("dynamodb", "create_table", {"TableName": "abc", "BillingMode": "FREE"}, "ValidationException"),
            "Value 'FREE' at 'BillingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ",
            id="json protocol",
        ),
        pytest.param(
            *("s3", "put_bucket_versioning", {"Bucket": "abc", "VersioningConfiguration": {"Status": "On"}}, "InvalidArgument"),
            "Value 'On' at 'VersioningConfiguration.Status' failed to satisfy constraint: Member must satisfy enum value set: ",
            id="s3 body",
        ),
        pytest.param(
            *("s3", "put_object", {"Bucket": "abc", "Key": "k", "StorageClass": "COLD"}, "InvalidArgument"),
            "Value 'COLD' at 'StorageClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, ",
            id="s3 header",
        ),
    ],
)
def test_a_parameter_that_violates_the_model_is_refused_in_the_words_of_aws(
    moto: str, service: str, operation: str, parameters: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(ClientError) as failed:
        getattr(client(moto, service), operation)(**parameters)
    error = failed.value.response["Error"]
    assert error["Code"] == code
    assert said in error["Message"]


@pytest.mark.cloud
def test_all_violations_are_in_one_message(moto: str) -> None:
    with pytest.raises(ClientError, match=r"2 validation errors detected: .*'Port'.*; .*'TargetType'"):
        client(moto, "elbv2").create_target_group(**{**GROUP, "Name": "a", "Port": 0, "TargetType": "pod"})


@pytest.mark.parametrize("service", sorted({*types.services(), *ALWAYS, "dynamodb"}))
def test_python_can_evaluate_every_pattern_of_the_services_that_the_program_uses(service: str) -> None:
    assert [pattern for pattern in patterns(service) if in_python(pattern) is None] == []


def patterns(service: str) -> set[str]:
    """The patterns of all parameters of a service."""
    model: Any = get_service_model(service)
    seen: set[str] = set()
    inputs = [shape for name in model.operation_names if (shape := model.operation_model(name).input_shape)]
    return {found for shape in inputs for found in of_shape(shape, seen)}


def of_shape(shape: Any, seen: set[str]) -> Iterator[str]:
    if shape.name in seen:
        return
    seen.add(shape.name)
    if pattern := shape.metadata.get("pattern"):
        yield pattern
    for member in {
        "structure": lambda: list(shape.members.values()),
        "list": lambda: [shape.member],
        "map": lambda: [shape.key, shape.value],
    }.get(shape.type_name, list)():
        yield from of_shape(member, seen)
