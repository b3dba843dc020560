"""The webhook that the API servers call to authenticate a token, like the authenticator of EKS.

A token of ``aws eks get-token`` is a presigned call to STS with the cluster's name in a signed header. The webhook looks up the
signer in the cluster's access entries. If the signer has no entry, the API server answers 401.

Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.sts.models import sts_backends
from werkzeug.wrappers import Request, Response

from embedded_cloud.front import eks
from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.call import AwsError
from embedded_cloud.front.endpoints import CLUSTERS, TOKENS
from embedded_cloud.front.permissions import PARTITION, caller_of

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
LONGEST = timedelta(minutes=15)


class TokenError(Exception):
    """Raised with the reason why a token is not valid."""


def serve(request: Request) -> Response:
    """Answer a request to :data:`CLUSTERS` or :data:`TOKENS`."""
    if request.path.startswith(CLUSTERS):
        eks.API_SERVERS[request.path.removeprefix(CLUSTERS)] = json.loads(request.get_data())
        return Response(status=204)
    review: dict[str, Any] = json.loads(request.get_data())
    status = authenticate(request.path.removeprefix(TOKENS), str(review["spec"]["token"]))
    return Response(
        json.dumps({"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}), mimetype="application/json"
    )


def authenticate(cluster: str, token: str) -> dict[str, Any]:
    """The status of a TokenReview for ``token``."""
    try:
        arn = signer(cluster, token)
        access = eks.access_of(cluster, arn)
        if access is None:
            raise TokenError(f"{arn} has no access entry in the cluster {cluster}")
    except TokenError as error:
        return {"authenticated": False, "error": str(error)}
    name, groups = access
    return {"authenticated": True, "user": {"username": name, "groups": groups, "extra": {"arn": [arn]}}}


def signer(cluster: str, token: str) -> str:
    """The ARN of the principal that signed a token for ``cluster``. Raises ``TokenError`` for a token that is not valid.

    The signature of the administrator's token is not checked, so this function accepts the token for every cluster.
    """
    if not token.startswith(PREFIX):
        raise TokenError(f"the token does not begin with {PREFIX} as a token of `aws eks get-token` does")
    text = token.removeprefix(PREFIX)
    try:
        url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        access_key = query["X-Amz-Credential"].split("/", 1)[0]
        made = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (binascii.Error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise TokenError("the token is not a presigned call") from error
    if query.get("Action") != "GetCallerIdentity" or CLUSTER_HEADER not in query.get("X-Amz-SignedHeaders", "").split(";"):
        raise TokenError("the token is not a call of GetCallerIdentity with the cluster's name in a signed header")
    if datetime.now(UTC) - made > LONGEST:
        raise TokenError("the token has expired")
    session = query.get("X-Amz-Security-Token", "")
    try:
        caller = caller_of(access_key, session)
    except AwsError as error:
        raise TokenError(error.message) from error
    if caller.role is not None and _signature(url, query, cluster, access_key, session) != query.get("X-Amz-Signature"):
        raise TokenError(f"the token was not signed for the cluster {cluster}")
    return caller.arn


def _signature(url: str, query: dict[str, str], cluster: str, access_key: str, session: str) -> str:
    """The expected signature of a presigned call."""
    issued = next(each for each in sts_backends[ACCOUNT][PARTITION].assumed_roles if each.access_key_id == access_key)
    _, _, region, service, _ = query["X-Amz-Credential"].split("/")
    auth = SigV4QueryAuth(Credentials(access_key, issued.secret_access_key, session), service, region)
    split = urlsplit(url)
    unsigned = urlunsplit(
        split._replace(query="&".join(each for each in split.query.split("&") if not each.startswith("X-Amz-Signature=")))
    )
    request = AWSRequest(method="GET", url=unsigned, headers={"host": split.netloc, CLUSTER_HEADER: cluster})
    request.context["timestamp"] = query["X-Amz-Date"]
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
