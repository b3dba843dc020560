"""``dwcp images``: the images that a stack's pods start from, looked up at their registries."""

from __future__ import annotations

from typing import Annotated

from delivery.cli._output import STACK, scope, working
from delivery.errors import DeliveryError
from program.checkout import CHECKOUT

DIGEST_LENGTH = len("sha256:") + 64
FIX = "build and push what is yours (docs/aws.md, The images), or correct its setting; then run this again"


def images(environment: Annotated[str, scope(*STACK, text="The environment whose images are looked up.")]) -> None:
    """Look up every image of an environment at its registry, before the first `pulumi up` would wait for a missing one.

    Exit code 0: all are there, each printed with its digest; 1: one is missing, or its registry refuses.
    """
    with working(f"looking the images of {environment} up"):
        from rich.console import Console

        from delivery.clients.images import digest_of
        from program.evaluation import evaluate
        from program.images import images_of

        [answer] = evaluate([environment], CHECKOUT, preview=True).values()
        if isinstance(answer, Exception):
            raise answer
        found = {image: digest_of(image) for image in images_of(answer)}
    console = Console(highlight=False)
    for image, digest in found.items():
        console.print(f"{digest or 'missing':<{DIGEST_LENGTH}}  {image}", soft_wrap=True)
    if missing := [image for image, digest in found.items() if digest is None]:
        raise DeliveryError(f"not at their registries: {', '.join(missing)}", FIX)
