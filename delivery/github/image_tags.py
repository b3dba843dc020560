"""Determines the image tags and the target environments of a pipeline run, from its branch or git tag and its commit."""

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
    """The tags of an image. The pipeline deploys the tag ``release`` (the git tag or the commit). Only people use ``others``."""

    release: str
    others: tuple[str, ...]
    production: bool
    """Whether the image is deployed to production after staging. False for a commit on ``main`` and for a release candidate."""

    def references(self, image: str) -> list[str]:
        """The full image references, with the release first."""
        return [f"{image}:{tag}" for tag in (self.release, *self.others)]


def tags_of(ref: str, sha: str) -> ImageTags:
    """The image tags for a run of ``ref`` (``refs/heads/main``, ``refs/tags/...``) at commit ``sha``. ``latest`` is never used.

    Raises ``UsageError`` for a git tag that is neither a release nor a release candidate, for a branch that is not ``main``, and if
    ``sha`` is not a full SHA.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise UsageError(f"{sha!r} is not a commit", "give the full SHA, as in GITHUB_SHA")
    commit = f"sha-{sha[:12]}"
    if ref == f"refs/heads/{MAIN}":
        return ImageTags(release=commit, others=(MAIN,), production=False)
    if not ref.startswith("refs/tags/"):
        raise UsageError(f"{ref!r} is neither {MAIN} nor a tag, so it cannot be deployed", f"run the pipeline for {MAIN} or a tag")
    name = ref.removeprefix("refs/tags/")
    if not TAG.fullmatch(name) or not name.startswith("v"):
        form = "vMAJOR.MINOR.PATCH, or vMAJOR.MINOR.PATCH-rc.1 for a release candidate"
        fix = f"name the tag {form}, for example: git tag v3.0.0 {sha[:12]} && git push origin v3.0.0"
        raise UsageError(f"the tag {name!r} is not a release", fix)
    production = PRODUCTION_TAG.fullmatch(name) is not None
    minor = (name.rpartition(".")[0],) if production else ()  # a release candidate does not get the tag `vX.Y`
    return ImageTags(release=name, others=(*minor, commit), production=production)


def require_commit_of_main(tags: ImageTags, sha: str, *, on_main: bool) -> None:
    """Raise ``UsageError`` if a tagged commit is not on ``main``, because such a commit may not have been reviewed."""
    if not on_main:
        raise UsageError(
            f"the tag {tags.release} is at {sha[:12]}, which is not a commit of {MAIN}",
            f"merge the commit into {MAIN}, run `git push --delete origin {tags.release}`, and tag the merged commit",
        )


def pinned(image: str, release: str, digest: str) -> tuple[str, str]:
    """The image reference for ``rollout`` and the tag for ``deploy``, both with the digest of the built image.

    Raises ``UsageError`` if ``digest`` is not a digest.
    """
    if not DIGEST.fullmatch(digest):
        raise UsageError(f"{digest!r} is not the digest of a build", "read the output of the step that builds and pushes the image")
    return f"{image}:{release}@{digest}", f"{release}@{digest}"
