"""A command that prints the logs of all pods of the service also works if a pod has no such log."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fences import fences

from components.monitoring.objectives import SERVICE_LOGS

PODS = "/api/v1/namespaces/dwcp-v3/pods"
LOG = "the log of the other pod"
POD_KIND = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
ANSWERS = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [POD_KIND]},
    PODS: {
        **{"kind": "PodList", "apiVersion": "v1"},
        "items": [
            {
                "metadata": {"name": name, "namespace": "dwcp-v3"},
                "spec": {"containers": [{"name": "dwcp-v3"}]},
                "status": {"phase": "Running"},
            }
            for name in ("a", "b", "c")
        ],
    },
}


@pytest.fixture
def api_server() -> Iterator[str]:
    """The URL of an API server with pods of which only one has a log."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            found = path in ANSWERS or path == f"{PODS}/b/log"
            problem = {"kind": "Status", "apiVersion": "v1", "code": 400, "reason": "BadRequest", "message": "the pod has no log"}
            self.send_response(200 if found else 400)
            self.send_header("Content-Type", "text/plain" if path == f"{PODS}/b/log" else "application/json")
            self.end_headers()
            self.wfile.write(LOG.encode() if path == f"{PODS}/b/log" else json.dumps(ANSWERS.get(path, problem)).encode())

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


LINES = {line for each in fences() for line in each.text.splitlines() if re.match(r"kubectl logs .*-l app=dwcp-v3[ ,]", line)}


@pytest.mark.parametrize("command", sorted({SERVICE_LOGS, *LINES}))
def test_a_pod_without_a_log_does_not_hide_the_logs_of_others(api_server: str, tmp_path: Path, command: str) -> None:
    kubectl, *arguments = shlex.split(command.replace(" -f ", " "))
    program = Path(sys.executable).parent / kubectl
    done = subprocess.run(
        [program, f"--server={api_server}", f"--cache-dir={tmp_path}", *arguments],
        env={"KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert LOG in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
