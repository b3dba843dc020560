"""No test sees the sandbox that runs in this checkout, nor what a shell that sourced its environment says."""

import os

from delivery.local import MARK

for name in list(os.environ):
    if name.startswith(("AWS_", "KUBECONFIG", "PULUMI_", "DWCP_PROMETHEUS", "DWCP_SERVICE")):
        del os.environ[name]
os.environ[MARK] = "s3://nowhere"  # so that no command adopts the sandbox's
