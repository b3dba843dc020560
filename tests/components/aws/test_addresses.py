import re
from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from components.aws.addresses import subnet_plan
from contract import ZONES

VPCS = st.builds(
    lambda prefix, block: IPv4Network((0x0A000000 + (block << (32 - prefix)), prefix)), st.integers(16, 20), st.integers(0, 15)
)


@given(VPCS, st.sets(st.sampled_from(ZONES), min_size=1))
def test_subnets_lie_in_the_vpc_and_do_not_overlap(vpc: IPv4Network, zones: set[str]) -> None:
    blocks = [block for pair in subnet_plan(vpc, zones).values() for block in pair]
    assert all(block.subnet_of(vpc) for block in blocks)
    assert not any(a.overlaps(b) for index, a in enumerate(blocks) for b in blocks[index + 1 :])


@given(VPCS, st.permutations(ZONES), st.integers(1, 6))
def test_a_zones_addresses_do_not_depend_on_other_zones(vpc: IPv4Network, zones: list[str], count: int) -> None:
    all_zones = subnet_plan(vpc, ZONES)
    assert subnet_plan(vpc, zones[:count]) == {zone: all_zones[zone] for zone in zones[:count]}


def test_the_plan_matches_the_table_in_its_documentation() -> None:
    rows = re.findall(r"^ *(\w)  +(\S+/\d+)  +(\S+/\d+)$", subnet_plan.__doc__ or "", re.MULTILINE)
    plan = subnet_plan(IPv4Network("10.0.0.0/16"), ZONES)
    assert [(zone, str(public), str(private)) for zone, (public, private) in plan.items()] == rows
