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


def test_the_plan_matches_the_documentation() -> None:
    plan = subnet_plan(IPv4Network("10.0.0.0/16"), "abc")
    assert {zone: (str(public), str(private)) for zone, (public, private) in plan.items()} == {
        "a": ("10.0.192.0/22", "10.0.0.0/19"),
        "b": ("10.0.196.0/22", "10.0.32.0/19"),
        "c": ("10.0.200.0/22", "10.0.64.0/19"),
    }
