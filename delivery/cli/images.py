"""``dwcp images``: looks up the images of a stack's pods at their registries."""

from __future__ import annotations

from typing import Annotated

from delivery.cli._output import STACK, scope, working
from delivery.errors import DeliveryError
from program.checkout import CHECKOUT

DIGEST_LENGTH = len("sha256:") + 64
FIX = "build and push your own images (docs/aws.md, The images), or correct the setting; then run this again"


def images(environment: Annotated[str, scope(*STACK, text="Look up the images of this environment.")]) -> None:
    """Look up every image of an environment at its registry. A missing image makes `pulumi up` wait until it fails.

    Exit code 0: all exist, each printed with its digest; 1: one is missing, or its registry refuses.
    """
    with working(f"looking the images of {environment} up"):
        from rich.console import Console

        from delivery.clients.images import digest_of
        from program.evaluation import evaluate
        from program.pod_images import images_of

        [answer] = evaluate([environment], CHECKOUT, preview=True).values()
        if isinstance(answer, Exception):
            raise answer
        found = {image: digest_of(image) for image in images_of(answer)}
    console = Console(highlight=False)
    for image, digest in found.items():
        console.print(f"{digest or 'missing':<{DIGEST_LENGTH}}  {image}", soft_wrap=True)
    if missing := [image for image, digest in found.items() if digest is None]:
        raise DeliveryError(f"missing at their registries: {', '.join(missing)}", FIX)
