"""``python -m embedded_cloud.moto_server PORT``: moto over HTTP, with the services that the platform uses loaded in advance.

Loading a service's models takes up to seconds; doing it here, while the control plane starts, keeps it out of the first
``up``. The key that encrypts the local stack's secrets is made here as well, because its id and material must not change:
the committed ``Pulumi.local.yaml`` holds a data key encrypted with it. It protects nothing but the sandbox's dummies.
"""

from __future__ import annotations

import sys
import threading
from functools import cache

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from embedded_cloud.creations import Creations

SERVICES = ("ec2", "elbv2", "s3", "kms", "iam", "logs", "eks", "acm", "route53", "dynamodb", "sns", "cloudwatch", "sts")
REGION = "us-east-1"
GLOBAL_SERVICES = frozenset({"iam", "s3", "route53", "sts"})
PARTITION = "aws"
"""Where moto keeps what belongs to no region."""
KEY_ALIAS = "alias/dwcp-v3-local"
HOSTED_ZONE = "example.com."


class Dispatcher(DomainDispatcherApplication):
    """moto's own, which lists its package's folders and tries 300 patterns at every request: half of what one costs."""

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


def create_state_key() -> None:
    """Create the key of the local stack's secrets under its alias, always the same."""
    backend = get_backend("kms")[DEFAULT_ACCOUNT_ID][REGION]
    key = backend.create_key(
        policy=None, key_usage="ENCRYPT_DECRYPT", key_spec="SYMMETRIC_DEFAULT", description="local stack", tags=None
    )
    del backend.keys[key.id]
    key.id = "00000000-0000-4000-8000-000000000003"
    key.arn = f"arn:aws:kms:{REGION}:{DEFAULT_ACCOUNT_ID}:key/{key.id}"
    key.key_material = b"dwcp-v3 sandbox, not a secret!!!"
    backend.keys[key.id] = key
    backend.create_alias(key.id, KEY_ALIAS)


def create_hosted_zone() -> None:
    """Create the DNS zone that the local stack's certificate is proven in: on AWS it is there before the platform."""
    zone = {"private_zone": False, "comment": "", "delegation_set_id": None}
    get_backend("route53")[DEFAULT_ACCOUNT_ID][PARTITION].create_hosted_zone(HOSTED_ZONE, **zone)


def main() -> None:
    """Serve until the process is ended."""
    moto = Creations(Dispatcher(create_backend_app))
    server = make_server("127.0.0.1", int(sys.argv[1]), moto, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for service in SERVICES:
        get_backend(service)[DEFAULT_ACCOUNT_ID][PARTITION if service in GLOBAL_SERVICES else REGION]
    threading.Event().wait()


if __name__ == "__main__":
    create_state_key()
    create_hosted_zone()
    main()
