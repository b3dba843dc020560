"""The tags of an image, from the branch or tag and the commit that it is built from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.errors import UsageError

LONGEST = 128
"""Characters of an image tag (OCI distribution specification: tags)."""
RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, kw_only=True)
class ImageTags:
    """``release`` is the tag that is deployed: a git tag, or the commit. ``others`` are for people."""

    release: str
    others: tuple[str, ...]

    def references(self, image: str) -> list[str]:
        """Full references, the release first."""
        return [f"{image}:{tag}" for tag in (self.release, *self.others)]


def image_tags(ref: str, sha: str) -> ImageTags:
    """The tags for a build of ``ref`` (``refs/heads/...``, ``refs/tags/...``) at commit ``sha``; never ``latest``.

    Raises ``UsageError`` for a git tag that is no release and for anything that is neither branch nor tag.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise UsageError(f"{sha!r} is no commit", "give the full SHA, as in GITHUB_SHA")
    commit = f"sha-{sha[:12]}"
    if ref.startswith("refs/tags/"):
        name = ref.removeprefix("refs/tags/")
        found = RELEASE.fullmatch(name)
        if found is None:
            raise UsageError(f"the tag {name!r} is no release", "name it vMAJOR.MINOR.PATCH, as in v3.0.0")
        minor = (f"v{found[1]}.{found[2]}",) if found[4] is None else ()  # a prerelease is nobody's newest minor version
        return ImageTags(release=name, others=(*minor, commit))
    if ref.startswith("refs/heads/"):
        branch = re.sub(r"[^A-Za-z0-9_.-]+", "-", ref.removeprefix("refs/heads/")).strip("-.")[:LONGEST]
        if branch == "latest":
            raise UsageError("a branch `latest` would make the tag `latest`", "rename the branch")
        return ImageTags(release=commit, others=(branch,))
    raise UsageError(f"{ref!r} is neither a branch nor a tag", "run it for refs/heads/... or refs/tags/...")
