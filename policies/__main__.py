"""The policy pack that the engine runs: ``pulumi up --policy-pack policies``."""

from pulumi_policy import EnforcementLevel, PolicyPack, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policies.network import INGRESS_RULE, open_to_the_world


def _open_to_the_world(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type == INGRESS_RULE:
        for message in open_to_the_world(args.props):
            report(message, None)


PolicyPack(
    name="dwcp-v3",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="only-web-ports-open-to-the-world",
            description="Only ports 80 and 443 may be open to everyone.",
            validate=_open_to_the_world,
        )
    ],
)
