"""The types of the settings' values. A type defines the allowed values, and a valid example for the error message.

A wrong value raises an error of pydantic, or the error of :func:`refuse`, which contains the example.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

import pulumi_aws as aws
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from components.settings.quantities import parse_quantity
from contract import APPLICATION, FIRST_IMAGE, GRAFANA_USER, PROJECT, STATE_BUCKET

PRIVATE_BLOCKS = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""The private networks that may contain a VPC (RFC 1918)."""

OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")
"""Prefixes of regions outside AWS' commercial partition. ARNs, endpoints and service principals have other names in these regions.

Source: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

REGIONS = tuple(region.value for region in aws.Region if not region.value.startswith(OTHER_PARTITIONS))
"""Every region of the commercial partition that the AWS provider knows."""

VPC_PREFIXES = range(16, 21)
"""Allowed prefix lengths of a VPC. AWS allows no VPC larger than a /16.

The prefix of a public subnet is 6 bits longer than that of the VPC. A /20 gives public subnets of /26, which are twice the size of
the /27 that a load balancer needs.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html.
"""


@dataclass(frozen=True)
class HoldsData:
    """Marks a setting whose reduction loses data: the size of a volume or of Redis' memory, or the time for which data is kept.

    A rollback never reduces the value of such a setting. For a volume, Kubernetes would also refuse the smaller size.
    """


@dataclass(frozen=True)
class Variable:
    """Marks a setting that the service gets as the environment variable ``name``, in Kubernetes and in Docker."""

    name: str


MOST_CORES, MOST_MEMORY = 1920, "32Ti"
"""The size of the largest EC2 instance, ``u7inh-32tb.480xlarge``: https://aws.amazon.com/ec2/instance-types/high-memory/."""
DAY_SECONDS, WEEK_SECONDS = 86400, 604800


def refuse(problem: str, example: str) -> PydanticCustomError:
    """The error for a wrong value: the problem, and a valid value."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "example": example})


def _matching(pattern: str, what: str, example: str, *, longest: int = 2048) -> BeforeValidator:
    """A validator for strings that match ``pattern`` completely. The default of ``longest`` is IAM's limit for an ARN."""

    def check(text: Any) -> str:
        if not isinstance(text, str):
            raise refuse("must be text, in quotes if it looks like a number", example)
        if len(text) > longest or not re.fullmatch(pattern, text):
            raise refuse(f"must be {what}", example)
        return text

    return BeforeValidator(check)


def _region(name: str) -> str:
    if name.startswith(OTHER_PARTITIONS):
        raise refuse("is outside AWS' commercial partition; ARNs and services have other names there", "us-east-1")
    if name not in REGIONS:
        raise refuse("must be the name of an AWS region", get_close_matches(name, REGIONS, n=1, cutoff=0)[0])
    return name


def whole(value: Any) -> Any:
    """``value``, converted to a number if it is a string of digits. A boolean, which Python accepts as a number, is an error."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "must be a whole number")
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise PydanticCustomError("bool_type", "must be true or false")


def _cpu(value: Any) -> str:
    """CPU as text: ``1`` for the YAML number 1 (cores), and ``500m`` (millicores) for 0.5. The API server stores no fraction."""
    text = str(value)
    if not re.fullmatch(r"\d+m|\d+(\.\d{1,3})?", text) or parse_quantity(text) == 0:
        raise refuse("must be CPU cores or millicores, above 0", "500m")
    if parse_quantity(text) > MOST_CORES:
        raise refuse(f"must be at most {MOST_CORES} cores", str(MOST_CORES))
    return f"{int(parse_quantity(text) * 1000)}m" if "." in text else text


def _size(least: str, most: str, example: str) -> BeforeValidator:
    """A validator for a whole number of ``Ki``, ``Mi``, ``Gi`` or ``Ti`` between ``least`` and ``most``."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[1-9]\d*(Ki|Mi|Gi|Ti)", value):
            raise refuse("must be a whole number of Ki, Mi, Gi or Ti", example)
        size = parse_quantity(value)
        for bound, is_beyond in ((least, size < parse_quantity(least)), (most, size > parse_quantity(most))):
            if is_beyond:
                raise refuse(f"must be from {least} to {most}", bound)
        return value

    return BeforeValidator(check)


def _cidr(value: Any) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or "/" not in value:
        raise refuse("must be an IPv4 network with a prefix length", "10.0.0.0/16")
    try:
        network = IPv4Network(value, strict=False)
    except ValueError as error:
        raise refuse("must be an IPv4 network with a prefix length", "10.0.0.0/16") from error
    if str(network.network_address) != value.split("/")[0]:
        raise refuse(f"has address bits to the right of its prefix; the network is {network}", str(network))
    return network


def _vpc_cidr(network: IPv4Network) -> IPv4Network:
    if network.prefixlen not in VPC_PREFIXES:
        bounds = f"/{VPC_PREFIXES[0]} to /{VPC_PREFIXES[-1]}"
        problem = f"must be from {bounds}: AWS refuses a larger VPC, and a smaller VPC has subnets that are too small"
        raise refuse(problem, "10.0.0.0/16")
    if not any(network.subnet_of(block) for block in PRIVATE_BLOCKS):
        raise refuse(f"must lie in a private block ({', '.join(map(str, PRIVATE_BLOCKS))})", "10.0.0.0/16")
    return network


def _endpoint_cidr(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < 8:
        raise refuse("opens the cluster's API to the internet; name the networks that need access, or none", "203.0.113.0/24")
    return network


def _docker_subnet(network: IPv4Network) -> IPv4Network:
    if network.prefixlen > 28 or not any(network.subnet_of(block) for block in PRIVATE_BLOCKS):
        raise refuse("must be a private network of 16 addresses or more", "172.30.0.0/24")
    return network


def _host_address(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError as error:
        raise refuse("must be an IPv4 address of the host, or 0.0.0.0 for all addresses", "127.0.0.1") from error


def _image(value: str) -> str:
    host, colon_port, path, component = r"[a-z0-9.-]+", r"(:\d+)?", r"[a-z0-9._/-]+", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
    match = re.fullmatch(
        rf"(?P<name>({host}{colon_port}/)?{path})(:(?P<tag>{component}))?(?P<digest>@sha256:[0-9a-f]{{64}})?", value
    )
    if match is None:
        raise refuse("must be an image reference with a tag or a sha256 digest", FIRST_IMAGE)
    if match["tag"] == "latest" or not (match["tag"] or match["digest"]):
        raise refuse("must name one release by tag or digest, never `latest`, whose image changes", f"{match['name']}:1.2.3")
    return value


REDIS_FIXES = {(6, 2): 23, (7, 2): 15, (7, 4): 10, (8, 2): 8, (8, 4): 5, (8, 6): 5, (8, 8): 1}
"""For each maintained minor version, the first patch version without the remote code execution vulnerabilities of July 2026.

Source: https://github.com/docker-library/official-images/pull/21922
"""


def _redis_image(image: str) -> str:
    """``image``. Raises for a vulnerable version of the official Redis image; other images are not checked."""
    found = re.fullmatch(r"(?P<name>(docker\.io/)?(library/)?redis):(?P<line>\d+\.\d+)\.(?P<patch>\d+)(?P<rest>[^@]*)(@.*)?", image)
    if found is None:
        return image
    major, minor = map(int, found["line"].split("."))
    newest = max(REDIS_FIXES)
    line = (major, minor) if (major, minor) in REDIS_FIXES or (major, minor) > newest else (7, 4)
    fixed = REDIS_FIXES.get(line, 0)
    if line != (major, minor) or int(found["patch"]) < fixed:
        right = f"{found['name']}:{line[0]}.{line[1]}.{fixed}{found['rest']}"
        raise refuse("has known vulnerabilities that allow remote code execution", right)
    return image


def repository(image: str) -> str:
    """An image reference without its tag and digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def version_label(image: str) -> str:
    """The value of the label ``version`` for an image, at most 63 characters: its tag, or else the start of its digest."""
    tag = image.partition("@")[0].removeprefix(repository(image)).removeprefix(":")
    return (tag or image.partition("@sha256:")[2][:12])[:63].strip("-._")


def _number(value: Any) -> float:
    """``value`` as a number, even if it is a string, because ``pulumi config set`` stores a decimal fraction as a string."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise PydanticCustomError("float_type", "must be a number")
    return number


def _within(least: float, most: float) -> AfterValidator:
    def check(number: float) -> float:
        if number < least:
            raise refuse(f"must be at least {least:g}", f"{least:g}")
        if number > most:
            raise refuse(f"must be at most {most:.0f}", f"{most:.0f}")
        return number

    return AfterValidator(check)


def _percentage(number: float) -> float:
    if not 0 < number < 100:
        raise refuse("must be a percentage above 0 and below 100", "5")
    return number


def ascending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """``numbers``. Raises unless each number is greater than the number before it."""
    if list(numbers) != sorted(set(numbers)):
        raise refuse("must ascend", "[" + ", ".join(map(str, sorted(set(numbers)))) + "]")
    return numbers


def unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """``items``. Raises if they contain a duplicate."""
    twice = sorted({str(item) for item in items if items.count(item) > 1})
    if twice:
        raise refuse(f"names {', '.join(twice)} more than once", "[" + ", ".join(dict.fromkeys(map(str, items))) + "]")
    return items


def _quoted_version(value: Any) -> Any:
    if not isinstance(value, str):
        raise refuse("must be in quotes, because YAML reads a number and drops its last 0", "1.35")
    return value


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_LABELS = rf"{_LABEL}(\.{_LABEL})*"

Switch = Annotated[bool, BeforeValidator(_switch)]
Whole = Annotated[int, BeforeValidator(whole)]
Pods = Annotated[Whole, Field(ge=1, le=1000)]
Nodes = Annotated[Whole, Field(ge=1, le=450)]
"""At most the quota of one EKS node group: https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html."""
RetentionDays = Annotated[Whole, Field(ge=1, le=3653), HoldsData()]
Delay = Annotated[Whole, Field(ge=0, le=3600)]
"""Seconds before the first check of a probe, at most an hour."""
Seconds = Annotated[float, BeforeValidator(_number), _within(0, WEEK_SECONDS)]
PollSeconds = Annotated[float, BeforeValidator(_number), _within(0.05, DAY_SECONDS)]
"""Seconds between two polls. An interval below the minimum would only add load."""
ThresholdPercent = Annotated[float, BeforeValidator(_number), AfterValidator(_percentage)]
Percent = Annotated[Whole, Field(ge=1, le=100)]
Port = Annotated[Whole, Field(ge=1024, le=65535)]
"""Ports that do not require root or a capability, because the containers run as UID 1001 without capabilities."""

Cpu = Annotated[str, BeforeValidator(_cpu)]
Memory = Annotated[str, _size("16Mi", MOST_MEMORY, "512Mi")]
"""A size of memory. No container of the platform works with less than 16 MiB."""
RedisMemory = Annotated[str, _size("64Mi", MOST_MEMORY, "512Mi"), HoldsData()]
"""The minimum is higher than in :data:`Memory`, because Redis itself needs 10 MiB, and ``maxmemory`` is 75 % of the limit."""
Storage = Annotated[str, _size("1Gi", "64Ti", "10Gi"), HoldsData()]
"""The sizes of a gp3 EBS volume: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html."""
Cidr = Annotated[IPv4Network, BeforeValidator(_cidr)]
VpcCidr = Annotated[Cidr, AfterValidator(_vpc_cidr)]
EndpointCidr = Annotated[Cidr, AfterValidator(_endpoint_cidr)]
ImageReference = Annotated[str, AfterValidator(_image)]

DnsName = Annotated[
    str, _matching(rf"{_LABEL}(\.{_LABEL})+", "a DNS name in lower case with a dot in it", "dwcp.example.com", longest=253)
]
ObjectName = Annotated[
    str, _matching(_LABELS, "a Kubernetes object name: lower case letters, digits, '-' and '.'", APPLICATION, longest=253)
]
TagValue = Annotated[
    str,
    _matching(
        r"[\w+=.:/@-][\w +=.:/@-]*", "an AWS tag value: letters, digits, spaces and + - = . _ : / @", "platform", longest=256
    ),
]
Region = Annotated[str, AfterValidator(_region)]
RoleArn = Annotated[
    str,
    _matching(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+", "the ARN of an IAM role", "arn:aws:iam::111122223333:role/platform-admin"),
]
PolicyArn = Annotated[
    str,
    _matching(
        r"arn:aws:iam::\d{12}:policy/[\w+=,.@/-]+",
        "the ARN of an IAM policy",
        f"arn:aws:iam::111122223333:policy/{PROJECT}-production-workloads",
    ),
]
BucketName = Annotated[str, _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket", STATE_BUCKET, longest=63)]
CertificateArn = Annotated[
    str,
    _matching(
        r"arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}",
        "the ARN of an ACM certificate",
        "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
    ),
]
OidcProviderArn = Annotated[
    str,
    _matching(
        r"arn:aws:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com",
        "the ARN of the account's OIDC provider for GitHub",
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
    ),
]
GithubSubject = Annotated[
    str,
    _matching(
        r"repo:[\w.-]+(@\d+)?/[\w.-]+(@\d+)?", "a repository as GitHub's tokens name it", "repo:novacron/novacron", longest=200
    ),
]
InstanceType = Annotated[str, _matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type", "m7i.xlarge")]
KubernetesVersion = Annotated[str, _matching(r"1\.\d\d", "a Kubernetes minor version", "1.35"), BeforeValidator(_quoted_version)]
AnyPort = Annotated[Whole, Field(ge=1, le=65535)]
RedisImage = Annotated[ImageReference, AfterValidator(_redis_image)]
AddonName = Literal[
    "amazon-cloudwatch-observability",
    "aws-ebs-csi-driver",
    "cert-manager",
    "coredns",
    "eks-pod-identity-agent",
    "kube-proxy",
    "metrics-server",
    "vpc-cni",
]
AddonVersion = Annotated[str, _matching(r"v\d+\.\d+\.\d+-eksbuild\.\d+", "the version of an EKS add-on", "v1.21.1-eksbuild.3")]
SemanticVersion = Annotated[str, _matching(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", "a semantic version", "3.0.0")]
EmailAddress = Annotated[str, _matching(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", "an email address", "dwcp-oncall@example.com", longest=254)]
SlackChannel = Annotated[str, _matching(r"[#@][a-z0-9._-]{1,79}", "a Slack channel with its #", "#dwcp-alerts")]
WebAddress = Annotated[
    str, _matching(r"https://[\w.-]+(:\d+)?(/[\w.~/-]*)?", "an https address", "https://example.com/docs/runbooks")
]
HostAddress = Annotated[str, AfterValidator(_host_address)]
DockerSubnet = Annotated[Cidr, AfterValidator(_docker_subnet)]
DockerHost = Annotated[
    str,
    _matching(
        r"unix:///\S+|(tcp|ssh)://[^\s/]+", "the address of a Docker host: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST",
        "ssh://deploy@docker.example.com",
    ),
]  # fmt: skip
AccountName = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9_.@-]*", "an account's name", GRAFANA_USER, longest=64)]
FolderPath = Annotated[str, _matching(r"[^\s:]+", "the path of a folder, from the project's root", "tests/fixtures/app")]
