"""The findings of kube-score about production's manifests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from delivery.releases.guide_files import DEPLOYMENT, MONITORING, render
from sandbox.project import TOOLCHAIN
from tools.policies_reference import KUBE_SCORE

CRITICAL = 1


def test_every_critical_finding_has_a_documented_reason(tmp_path: Path) -> None:
    texts = {path.name: text for path, text in render("production").items() if str(path) in (DEPLOYMENT, MONITORING)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    command = [TOOLCHAIN.ensure("kube-score")["kube-score"], "score", "--output-format", "json", *sorted(tmp_path.glob("*.yaml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    checks = [check for scored in json.loads(done.stdout) for check in scored["checks"] or [] if not check["skipped"]]
    assert len(checks) > 50, done.stderr
    assert {check["check"]["id"] for check in checks if check["grade"] == CRITICAL} == set(KUBE_SCORE)
