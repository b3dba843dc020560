"""``dwcp images``: looks up the images of a stack's pods in their registries."""

from __future__ import annotations

from typing import Annotated

from delivery.cli._output import STACK, require_stacks, scope, working
from delivery.errors import DeliveryError
from program.checkout import CHECKOUT

DIGEST_LENGTH = len("sha256:") + 64
FIX = "build and push your own images (docs/aws.md, The images), or correct the setting; then run the command again"


def images(environment: Annotated[str, scope(*STACK, text="Look up the images of this environment.")]) -> None:
    """Look up every image of an environment at its registry, and print the digests.

    If an image is missing, `pulumi up` waits for the pods, and fails at its time limit.

    Exit code 0: all images exist; 1: an image is missing, a registry refuses the request, or the program does not run; 2: the
    Docker client or its plugin buildx is not installed.
    """
    require_stacks(environment)
    with working(f"looking up the images of {environment}"):
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
        raise DeliveryError(f"not found in their registries: {', '.join(missing)}", FIX)
