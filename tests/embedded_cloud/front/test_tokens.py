"""Tokens of ``aws eks get-token``: each way in which a token can be wrong, and the caller that the access entries must contain."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.sts.models import AssumedRole, sts_backends

from embedded_cloud.front import eks, tokens
from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.permissions import PARTITION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/job"


@pytest.fixture
def session() -> Iterator[AssumedRole]:
    """A session that STS has issued."""
    sts = sts_backends[ACCOUNT][PARTITION]
    issued = sts.assume_role(
        region_name="us-east-1", role_session_name="job", role_arn=ROLE, policy="", duration=3600, external_id=""
    )
    yield issued
    sts.assumed_roles.remove(issued)


def keys(session: AssumedRole, **other: str) -> Credentials:
    wanted = {"access_key": session.access_key_id, "secret_key": session.secret_access_key, "token": session.session_token}
    return Credentials(**{**wanted, **other})


def token(
    credentials: Credentials, *, cluster: str | None = "blue", action: str = "GetCallerIdentity", age: timedelta = timedelta()
) -> str:
    """A token as `aws eks get-token` makes it."""
    headers = {tokens.CLUSTER_HEADER: cluster} if cluster else {}
    request = AWSRequest("GET", f"https://sts.us-east-1.amazonaws.com/?Action={action}&Version=2011-06-15", headers=headers)

    class Signer(SigV4QueryAuth):
        def _modify_request_before_signing(self, request: AWSRequest) -> None:
            request.context["timestamp"] = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%SZ")
            super()._modify_request_before_signing(request)

    Signer(credentials, "sts", "us-east-1", expires=60).add_auth(request)
    return tokens.PREFIX + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")


def test_the_signer_is_the_session(session: AssumedRole) -> None:
    assert tokens.signer("blue", token(keys(session))) == SESSION
    assert tokens.signer("blue", token(keys(session), age=timedelta(minutes=14))) == SESSION


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(lambda _: "another.kind.of-token", "the token does not begin with k8s-aws-v1.", id="another kind"),
        pytest.param(lambda _: tokens.PREFIX + "%%%", "not a presigned call", id="no text"),
        pytest.param(lambda _: tokens.PREFIX + "aHR0cHM6Ly94Lw", "not a presigned call", id="no signature"),
        pytest.param(lambda one: token(keys(one), action="GetSessionToken"), "not a call of GetCallerIdentity", id="another call"),
        pytest.param(lambda one: token(keys(one), cluster=None), "not a call of GetCallerIdentity", id="no cluster"),
        pytest.param(lambda one: token(keys(one), cluster="green"), "not signed for the cluster blue", id="another cluster"),
        pytest.param(lambda one: token(keys(one), age=timedelta(minutes=16)), "has expired", id="expired"),
        pytest.param(lambda one: token(keys(one, secret_key="x" * 40)), "not signed for the cluster blue", id="another secret"),
        pytest.param(lambda one: token(keys(one, access_key="ASIA" + "X" * 16)), "security token .* is invalid", id="foreign key"),
        pytest.param(lambda one: token(keys(one, token="other")), "security token .* is invalid", id="another session"),
    ],
)
def test_a_wrong_token_is_refused_with_the_reason(session: AssumedRole, wrong: object, said: str) -> None:
    with pytest.raises(tokens.TokenError, match=said):
        tokens.signer("blue", wrong(session))  # type: ignore[operator]


def test_a_changed_signature_is_refused(session: AssumedRole) -> None:
    made = token(keys(session)).removeprefix(tokens.PREFIX)
    url = base64.urlsafe_b64decode(made + "=" * (-len(made) % 4)).decode()
    changed = url[:-1] + ("0" if url[-1] != "0" else "1")
    with pytest.raises(tokens.TokenError, match="not signed for the cluster blue"):
        tokens.signer("blue", tokens.PREFIX + base64.urlsafe_b64encode(changed.encode()).decode().rstrip("="))


def test_a_caller_without_an_access_entry_is_refused_by_name(session: AssumedRole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(eks.PARTS, "blue", eks.Parts())
    said = tokens.authenticate("blue", token(keys(session)))
    assert said == {"authenticated": False, "error": f"{SESSION} has no access entry in the cluster blue"}


def test_a_caller_has_the_groups_of_its_access_entry_and_of_its_policies(
    session: AssumedRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = eks.POLICY_PREFIX + "AmazonEKSViewPolicy"
    entry = {"kubernetesGroups": ["readers"], "username": f"{SESSION.removesuffix('job')}{{{{SessionName}}}}"}
    entries, policies = {ROLE: entry}, {(ROLE, policy): {}}
    monkeypatch.setitem(eks.PARTS, "blue", eks.Parts(entries=entries, policies=policies))
    user = tokens.authenticate("blue", token(keys(session)))["user"]
    assert user["username"] == SESSION
    assert user["groups"][0] == "readers"
    assert len(user["groups"]) == 2


@pytest.mark.parametrize(
    ("username", "known"),
    [
        ("reader", "reader"),
        ("team:{{SessionName}}", "team:jo-example.com"),
        ("team:{{SessionNameRaw}}", "team:jo@example.com"),
    ],
)
def test_the_api_server_gets_the_user_name_of_the_access_entry(monkeypatch: pytest.MonkeyPatch, username: str, known: str) -> None:
    """Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#full-configuration-format"""
    monkeypatch.setitem(eks.PARTS, "blue", eks.Parts(entries={ROLE: {"kubernetesGroups": [], "username": username}}))
    assert eks.access_of("blue", f"{SESSION.removesuffix('job')}jo@example.com") == (known, [])
