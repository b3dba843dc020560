"""``python -m embedded_cloud.moto_server PORT CONTENT``: serve moto over HTTP, with models loaded in advance.

Loading the models of a service can take seconds. While the control plane starts, this process loads the models that the engine, the
embedded provider and the project need. This shortens the first ``up``. CONTENT is the account with its initial content, as JSON:
see :class:`embedded_cloud.account.Account`.
"""

from __future__ import annotations

import sys
import threading
import warnings
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import boto3
from moto.backends import get_backend
from moto.core import responses
from moto.core.routing import get_service_router
from moto.core.utils import method_names_from_class
from moto.eks import utils as eks_utils
from moto.kms import models as kms_models
from moto.kms.utils import generate_private_key
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from waitress.server import create_server

from embedded_cloud.account import Account
from embedded_cloud.creations import Creations
from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.buckets import keep_last_versions, leave_conditions_to_us
from embedded_cloud.front.middleware import Front
from embedded_cloud.front.permissions import PARTITION
from embedded_cloud.front.tagging import add_eks_to_tagging
from embedded_cloud.providers.aws import types

ALWAYS = frozenset({"s3", "kms", "sts"})
"""The services that the engine itself calls, for the state, the secrets and the caller's identity."""
SYMMETRIC = "SYMMETRIC_DEFAULT"
"""The key spec of the KMS keys that the program creates."""
GLOBAL_SERVICES = frozenset({"iam", "s3", "route53", "sts"})
SERVER: dict[str, Any] = {
    "threads": 16,
    "connection_limit": 1000,  # each client holds several connections open
    "asyncore_use_poll": True,  # `select` is limited to 1,024 files
    "inbuf_overflow": 2**26,  # bytes of a request in memory; a stack's state is smaller
    "outbuf_overflow": 2**26,
    "clear_untrusted_proxy_headers": False,  # X-Forwarded-Proto marks a call without TLS (see front/buckets.py)
}


class Dispatcher(DomainDispatcherApplication):
    """A dispatcher that caches the service of a host.

    moto's own dispatcher searches for the service at every request, which takes half of the request's time.
    """

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


def skip_repeated_work() -> None:
    """Make moto cache or skip computations that take half of moto's time while a stack is created."""
    # moto computes the method names of a class at every call.
    responses.method_names_from_class = cache(method_names_from_class)  # pyright: ignore[reportPrivateImportUsage]
    # moto reads the partitions from a file of 1 MB for every cluster and node group.
    partitions = cache(lambda: boto3.Session().get_available_partitions())
    eks_utils.Session = lambda: SimpleNamespace(get_available_partitions=partitions)  # type: ignore[misc]
    # moto also generates an RSA key for a symmetric key, and never uses the RSA key.
    kms_models.generate_private_key = lambda key_spec: None if key_spec == SYMMETRIC else generate_private_key(key_spec)  # type: ignore


def create_secrets_key(account: Account) -> None:
    """Create the key of the stack's secrets, with its alias.

    The key's material is fixed, because the data key in ``Pulumi.STACK.yaml`` is encrypted with it.
    """
    backend = get_backend("kms")[ACCOUNT][account.region]
    key = backend.create_key(
        policy=None, key_usage="ENCRYPT_DECRYPT", key_spec=SYMMETRIC, description="secrets of the stack", tags=None
    )
    del backend.keys[key.id]
    key.id = account.secrets_key.id
    key.arn = f"arn:aws:kms:{account.region}:{ACCOUNT}:key/{key.id}"
    key.key_material = account.secrets_key.material.encode()
    backend.keys[key.id] = key
    backend.create_alias(key.id, account.secrets_key.alias)


def create_hosted_zones(account: Account) -> None:
    """Create the DNS zones, which on AWS exist before the first update."""
    zone = {"private_zone": False, "comment": "", "delegation_set_id": None}
    for name in account.hosted_zones:
        get_backend("route53")[ACCOUNT][PARTITION].create_hosted_zone(name, **zone)


def main(port: int, account: Account) -> None:
    """Serve until the process is terminated."""
    # AWS returns error codes that its own models do not list.
    warnings.filterwarnings("ignore", message=".*does not match an error shape")
    leave_conditions_to_us()
    keep_last_versions()
    skip_repeated_work()
    create_secrets_key(account)
    create_hosted_zones(account)
    add_eks_to_tagging()
    moto = Creations(Front(Dispatcher(create_backend_app)))
    server = create_server(moto, host="127.0.0.1", port=port, **SERVER)
    threading.Thread(target=server.run, daemon=True).start()
    for service in sorted({*ALWAYS, *types.services(), *account.services}):
        get_service_router(service)  # loads the model with which the middleware parses calls
        cast(Any, get_backend)(service)[ACCOUNT][PARTITION if service in GLOBAL_SERVICES else account.region]
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Account.from_json(sys.argv[2]))
