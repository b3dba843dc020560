"""The release of a run: its image tags and target environments, from the branch or tag and the commit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.errors import UsageError
from delivery.releases.request import PRODUCTION_TAG, TAG

MAIN = "main"
"""The branch that is deployed to staging and contains every release."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ImageTags:
    """The tags of an image: ``release``, a git tag or the commit, is deployed; ``others`` are for people."""

    release: str
    others: tuple[str, ...]
    production: bool
    """Whether it is deployed to production after staging; commits and release candidates are not."""

    def references(self, image: str) -> list[str]:
        """The full references, the release first."""
        return [f"{image}:{tag}" for tag in (self.release, *self.others)]


def target(ref: str, sha: str) -> ImageTags:
    """The release of a run of ``ref`` (``refs/heads/main``, ``refs/tags/...``) at commit ``sha``; never ``latest``.

    Raises ``UsageError`` for a git tag that is not a release and for any other branch.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise UsageError(f"{sha!r} is not a commit", "give the full SHA, as in GITHUB_SHA")
    commit = f"sha-{sha[:12]}"
    if ref == f"refs/heads/{MAIN}":
        return ImageTags(release=commit, others=(MAIN,), production=False)
    if not ref.startswith("refs/tags/"):
        raise UsageError(f"{ref!r} is neither {MAIN} nor a tag, so it cannot be deployed", f"run it for {MAIN} or for a tag")
    name = ref.removeprefix("refs/tags/")
    if not TAG.fullmatch(name) or not name.startswith("v"):
        fix = f"name it vMAJOR.MINOR.PATCH, as in v3.0.0: git tag v3.0.0 {sha[:12]} && git push origin v3.0.0"
        raise UsageError(f"the tag {name!r} is not a release", fix)
    production = PRODUCTION_TAG.fullmatch(name) is not None
    minor = (name.rpartition(".")[0],) if production else ()  # a release candidate is not the newest of its minor version
    return ImageTags(release=name, others=(*minor, commit), production=production)


def pinned(image: str, release: str, digest: str) -> tuple[str, str]:
    """The reference and the tag with the digest of the built image, as ``rollout`` and ``deploy`` accept them."""
    if not DIGEST.fullmatch(digest):
        raise UsageError(f"{digest!r} is not the digest of a build", "read the output of the step that builds and pushes the image")
    return f"{image}:{release}@{digest}", f"{release}@{digest}"
