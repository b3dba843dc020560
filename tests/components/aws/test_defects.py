"""Defects that AWS or Kubernetes would report late: the program or a policy refuses each before a resource is created.

Those that the embedded cloud refuses itself are in `tests/embedded_cloud/front/test_defects.py`, missing images in
`tests/workflows/test_images.py`, and forbidden connections in `tests/components/test_connections.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from recording import Recorded, run_platform

import policies
from components.settings import SettingsError
from policies.config import config_of


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_cluster_api_that_no_network_can_reach_is_refused(stack: str) -> None:
    with pytest.raises(SettingsError, match="this program could not reach the cluster's API"):
        run_platform(stack, cluster={"publicAccessCidrs": [], "privateAccessCidrs": []})


def test_an_add_on_whose_pods_fail_pod_security_is_refused() -> None:
    def with_default_configuration(each: Recorded) -> Recorded:
        is_observability = each.inputs.get("addonName") == "amazon-cloudwatch-observability"
        return replace(each, inputs={**each.inputs, "configurationValues": "{}"}) if is_observability else each

    changed = [with_default_configuration(each) for each in run_platform("production").resources]
    found = policies.check(changed, "production", config_of("production", today=date(2026, 11, 24)))
    assert [(each.rule, each.blocks) for each in found if each.rule == "cluster-add-ons-inject-nothing"] == [
        ("cluster-add-ons-inject-nothing", True)
    ]
