"""Kubernetes quantities as numbers, so that they can be compared and divided.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from decimal import Decimal

SUFFIXES = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def parse_quantity(quantity: str) -> Decimal:
    """The value of ``quantity`` as a number: cores for ``500m``, bytes for ``512Mi``.

    Raises ``ValueError`` unless ``quantity`` is a decimal number with one of ``SUFFIXES``.
    """
    number = quantity.rstrip("mKMGTi")
    suffix = quantity[len(number) :]
    if suffix not in SUFFIXES or not number.replace(".", "", 1).isdecimal():
        raise ValueError(f"{quantity!r} is not a quantity such as 500m or 512Mi")
    return Decimal(number) * SUFFIXES[suffix]


def mebibytes(quantity: str) -> int:
    """A memory quantity in whole MiB, rounded down, for programs that do not accept the suffixes of Kubernetes."""
    return int(parse_quantity(quantity) / SUFFIXES["Mi"])
