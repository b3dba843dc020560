"""``python -m embedded_cloud.controllers ANNOTATION_DOMAIN [VOLUMES]``: run the controllers until the process is ended.

If pods are real, ``VOLUMES`` is the folder that contains one folder per volume.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import boto3

from embedded_cloud.api_server import ApiServer
from embedded_cloud.controllers import pod_metrics, target_group_bindings, volumes

PERIOD_SECONDS = 1.0

kubeconfig = Path(os.environ["KUBECONFIG"])
api = ApiServer(kubeconfig)
pod_metrics.serve(api, kubeconfig.parent / "pki", sys.argv[1])
folders = Path(sys.argv[2]) if len(sys.argv) > 2 else None
elbv2 = boto3.client("elbv2")

while True:
    for name, reconcile in (
        ("volumes", lambda: volumes.reconcile(api, folders)),
        ("target group bindings", lambda: target_group_bindings.reconcile(api, elbv2)),
    ):
        try:
            reconcile()
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
    time.sleep(PERIOD_SECONDS)
