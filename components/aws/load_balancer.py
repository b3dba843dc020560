"""The public entry point: an ALB whose weighted rule splits the traffic between the two tracks."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, ResourceOptions
from pulumi_aws import acm, lb, route53, s3

from components.aws._buckets import ABANDONED_UPLOAD_DAYS, PrivateBucket
from components.aws.iam import Statement
from components.aws.network import Network
from components.aws.security_groups import WEB_PORTS
from components.component import Component
from components.field_owners import LISTENER_RULE, ignored
from components.settings import Settings

HEALTH_PATH = "/health"
"""Path of the health check of the service's process (guide: Health Checks). The check does not depend on Redis."""
HEALTH_INTERVAL_SECONDS = 15
HEALTH_TIMEOUT_SECONDS = 5
HEALTHY_AFTER = 2
UNHEALTHY_AFTER = 3
FIRST_WEIGHTS = {"stable": 100, "canary": 0}
"""The tracks' weights in percent at the creation of the rule; afterwards the ``dwcp`` command owns the weights."""
TARGET_PORT = 8080
"""Default port of a target group. No traffic uses this port, because each pod is registered with its own port.

The default port is not `application.port`, because a change of the default port replaces the target group. The program ignores
changes of the listener rule's actions, so the rule would still refer to the deleted target group.
"""
RULE_PRIORITY = 100
RECORD_SECONDS = 60
OLD_VERSION_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Inputs of :class:`LoadBalancer`."""

    settings: Settings
    network: Network


class LoadBalancer(Component):
    """The load balancer, which serves one host over HTTPS. It redirects HTTP, and responds with 404 to requests for other hosts."""

    load_balancer_arn: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    url: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    rule_arn: pulumi.Output[str]
    stable_target_group_arn: pulumi.Output[str]
    canary_target_group_arn: pulumi.Output[str]
    access_log_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        settings = args.settings.load_balancer
        bucket, bucket_policy = self._access_logs()
        balancer = lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=False,
            subnets=args.network.public_subnet_ids,
            security_groups=[args.network.load_balancer_group_id],
            enable_deletion_protection=settings.deletion_protection,
            drop_invalid_header_fields=True,
            idle_timeout=settings.idle_timeout_seconds,
            access_logs=lb.LoadBalancerAccessLogsArgs(bucket=bucket.bucket_name, enabled=True),
            opts=ResourceOptions(parent=self, depends_on=[bucket_policy, args.network.internet_gateway]),
        )
        groups = {track: self._target_group(track) for track in FIRST_WEIGHTS}
        self._redirect(balancer)
        listener = lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=WEB_PORTS["https"],
            protocol="HTTPS",
            ssl_policy=settings.tls_policy,
            certificate_arn=settings.certificate_arn or self._certificate(balancer),
            default_actions=[
                lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", status_code="404", message_body="not found"
                    ),
                )
            ],
            opts=self._child,
        )
        rule = self._weighted_rule(listener, groups)

        self.load_balancer_arn = balancer.arn
        self.dns_name = balancer.dns_name
        self.url = pulumi.Output.from_input(f"https://{settings.host}")
        self.listener_arn = listener.arn
        self.rule_arn = rule.arn
        self.stable_target_group_arn = groups["stable"].arn
        self.canary_target_group_arn = groups["canary"].arn
        self.access_log_bucket = bucket.bucket_name
        self.publish()

    def _access_logs(self) -> tuple[PrivateBucket, s3.BucketPolicy]:
        """The bucket for access logs and its policy (AWS: "Enable access logs for your Application Load Balancer")."""
        role = f"{self._name}-access-logs"
        rule = s3.BucketLifecycleConfigurationRuleArgs(
            id="expire",
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(
                days=self._args.settings.load_balancer.access_log_retention_days
            ),
            # In a versioned bucket, an expired object becomes a noncurrent version, which has its own expiration.
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=OLD_VERSION_DAYS
            ),
            abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=ABANDONED_UPLOAD_DAYS
            ),
        )
        bucket = PrivateBucket(
            role,
            environment=self._args.settings.environment,
            lifecycle_rules=[rule],
            force_destroy=not self._args.settings.load_balancer.deletion_protection,
            opts=self._child,
        )
        account = aws.get_caller_identity_output(opts=InvokeOptions(parent=self)).account_id
        log_delivery = Statement(
            actions=["s3:PutObject"],
            resources=[pulumi.Output.concat(bucket.bucket_arn, "/AWSLogs/", account, "/*")],
            principals={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            # Otherwise, a load balancer of another account could write its logs to this bucket.
            conditions={"ArnLike": {"aws:SourceArn": account.apply(_load_balancers)}},
        )
        return bucket, bucket.attach_policy(role, log_delivery)

    def _target_group(self, track: str) -> lb.TargetGroup:
        return lb.TargetGroup(
            f"{self._name}-{track}",
            vpc_id=self._args.network.vpc_id,
            target_type="ip",
            port=TARGET_PORT,
            protocol="HTTP",
            deregistration_delay=self._args.settings.load_balancer.deregistration_delay_seconds,
            health_check=lb.TargetGroupHealthCheckArgs(
                path=HEALTH_PATH,
                matcher="200",
                interval=HEALTH_INTERVAL_SECONDS,
                timeout=HEALTH_TIMEOUT_SECONDS,
                healthy_threshold=HEALTHY_AFTER,
                unhealthy_threshold=UNHEALTHY_AFTER,
            ),
            opts=self._child,
        )

    def _redirect(self, balancer: lb.LoadBalancer) -> None:
        lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=WEB_PORTS["http"],
            protocol="HTTP",
            default_actions=[
                lb.ListenerDefaultActionArgs(
                    type="redirect",
                    redirect=lb.ListenerDefaultActionRedirectArgs(
                        protocol="HTTPS", port=str(WEB_PORTS["https"]), status_code="HTTP_301"
                    ),
                )
            ],
            opts=self._child,
        )

    def _weighted_rule(self, listener: lb.Listener, groups: dict[str, lb.TargetGroup]) -> lb.ListenerRule:
        name = f"{self._name}-tracks"
        targets = [
            lb.ListenerRuleActionForwardTargetGroupArgs(arn=group.arn, weight=FIRST_WEIGHTS[track])
            for track, group in groups.items()
        ]
        return lb.ListenerRule(
            name,
            listener_arn=listener.arn,
            priority=RULE_PRIORITY,
            conditions=[
                lb.ListenerRuleConditionArgs(
                    host_header=lb.ListenerRuleConditionHostHeaderArgs(values=[self._args.settings.load_balancer.host])
                )
            ],
            actions=[lb.ListenerRuleActionArgs(type="forward", forward=lb.ListenerRuleActionForwardArgs(target_groups=targets))],
            opts=ResourceOptions(parent=self, ignore_changes=ignored(LISTENER_RULE, name)),
        )

    def _certificate(self, balancer: lb.LoadBalancer) -> pulumi.Output[str]:
        """Create the host's certificate with its DNS validation, and the host's DNS record; return the certificate's ARN."""
        settings = self._args.settings.load_balancer
        zone = route53.get_zone_output(name=settings.hosted_zone, opts=InvokeOptions(parent=self))
        certificate = acm.Certificate(self._name, domain_name=settings.host, validation_method="DNS", opts=self._child)
        option = certificate.domain_validation_options[0]
        record = route53.Record(
            f"{self._name}-validation",
            zone_id=zone.zone_id,
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=RECORD_SECONDS,
            allow_overwrite=True,
            opts=self._child,
        )
        route53.Record(
            self._name,
            zone_id=zone.zone_id,
            name=settings.host,
            type="A",
            aliases=[route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True)],
            opts=self._child,
        )
        return acm.CertificateValidation(
            self._name, certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=self._child
        ).certificate_arn


def _load_balancers(account: str) -> str:
    return f"arn:aws:elasticloadbalancing:*:{account}:loadbalancer/*"
