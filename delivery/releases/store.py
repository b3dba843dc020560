"""The store of an environment's release records, in its artifact bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]
from pydantic import ValidationError

from delivery.clients.aws import GONE_CODES, error_code
from delivery.clients.environment import Environment
from delivery.clients.state_backend import LEASE_KEY, write_fenced
from delivery.errors import DeliveryError, LeaseLostError
from delivery.releases.release import Release

FOLDER = "releases"
KILLED = "its process was killed"


class ReleaseError(DeliveryError):
    """A release cannot be found, read or restored."""


class Releases:
    """The release records of one environment. Each record is one S3 object, which is written atomically."""

    def __init__(self, environment: Environment) -> None:
        """Open the store of ``environment``."""
        self.environment = environment
        self.s3 = environment.aws("s3")

    @property
    def bucket(self) -> str:
        """The name of the artifact bucket. Raises ``DeliveryError`` if the stack has none yet."""
        return self.environment.output("artifacts", "bucketName")

    def begin(self, release: Release) -> None:
        """Write the record of a release that starts now.

        A record of an earlier lease with the result ``running`` gets the result ``failed``, because its command was killed.
        """
        self.record(release)
        for each in self._newest_first():
            if each.fencing >= release.fencing:
                continue
            if each.result != "running":
                return
            self._write(each.model_copy(update={"result": "failed", "ended": datetime.now(UTC), "reason": KILLED}))

    def record(self, release: Release) -> None:
        """Write or replace a release record.

        Raises ``LeaseLostError`` if a command with a later lease has already written a record. For this reason, a command that has
        lost the lease cannot overwrite the result of the next command.
        """
        self._fence(release.fencing)
        self._write(release)

    def _write(self, release: Release) -> None:
        self.s3.put_object(
            Bucket=self.bucket,
            Key=self.key(release, "release.json"),
            Body=release.model_dump_json(indent=1).encode(),
            ContentType="application/json",
        )

    def attach(self, release: Release, name: str, content: str, content_type: str) -> str:
        """Write a document next to a release's record; returns its key."""
        key = self.key(release, name)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content.encode(), ContentType=f"{content_type}; charset=utf-8")
        return key

    def key(self, release: Release, name: str) -> str:
        """The key of a document of a release; keys sort from the oldest release to the newest."""
        return f"{FOLDER}/{release.environment}/{release.fencing:012d}-{release.id}/{name}"

    def all(self) -> list[Release]:
        """Every release, newest first. A release that cannot be read is skipped, so that it does not hide other releases."""
        found: list[Release] = []
        for key in self._keys():
            try:
                found.append(self._read(key))
            except ReleaseError:
                continue
        return sorted(found, key=lambda each: each.order, reverse=True)

    def get(self, release_id: str) -> Release:
        """The release with this id, or the only release whose id begins with ``release_id``.

        Raises ``ReleaseError`` if there is no such release, or if several ids begin with ``release_id``.
        """
        keys = list(self._keys())
        ids = {key: _id_of(key) for key in keys}
        matches = [key for key in keys if ids[key] == release_id] or [key for key in keys if ids[key].startswith(release_id)]
        if len(matches) != 1:
            known = ", ".join(each for each in reversed(list(ids.values())[-5:])) or "none yet"
            problem = "is the start of more than one release id" if matches else "is not a release"
            raise ReleaseError(f"{release_id} {problem} of {self.environment.name}", f"choose one of: {known}")
        return self._read(matches[0])

    def latest(self) -> Release | None:
        """The newest release with the result ``deployed``; ``None`` if there is none."""
        return next((each for each in self._newest_first() if each.result == "deployed"), None)

    def staged(self) -> Release | None:
        """The newest release that waits at 0 % of the traffic for a rollout; ``None`` if a later release was deployed."""
        newest = next((each for each in self._newest_first() if each.result in ("staged", "deployed")), None)
        return newest if newest is not None and newest.result == "staged" else None

    def before(self, release: Release) -> Release | None:
        """The target of a rollback from ``release``: the newest earlier deployed release with another image or other settings."""
        older = (each for each in self._newest_first() if each.order < release.order and each.result == "deployed")
        return next((each for each in older if (each.image, each.config_hash) != (release.image, release.config_hash)), None)

    def image_before_first(self, release: Release | None) -> str:
        """The image before the first release: the image that the oldest recorded command replaced; empty if not known.

        An image that is equal to the image of ``release``, the newest deployed release, does not count, because a rollback must
        change the image. ``release`` is ``None`` if no deployment has finished yet.
        """
        present = "" if release is None else release.image
        return next((each.replaced for each in reversed(self.all()) if each.replaced not in ("", present)), "")

    def _newest_first(self) -> Iterator[Release]:
        for key in reversed(list(self._keys())):
            try:
                yield self._read(key)
            except ReleaseError:
                continue

    def _keys(self) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{FOLDER}/{self.environment.name}/")
        for page in pages:
            yield from (each["Key"] for each in page.get("Contents", []) if each["Key"].endswith("/release.json"))

    def _read(self, key: str) -> Release:
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return Release.model_validate_json(body)
        except ClientError as error:
            if error_code(error) not in GONE_CODES:
                raise
            raise ReleaseError(
                f"the record {key} does not exist", f"choose another release: dwcp releases --environment {self.environment.name}"
            ) from error
        except ValidationError as error:
            raise ReleaseError(
                f"the record s3://{self.bucket}/{key} is damaged: {error.errors()[0]['msg']}",
                "restore its previous version in the bucket, or choose another release: "
                f"dwcp releases --environment {self.environment.name}",
            ) from error

    def _fence(self, fencing: int) -> None:
        """Store ``fencing`` as the highest fencing number of a writer. Raises ``LeaseLostError`` if a higher number is stored."""
        key = {LEASE_KEY: {"S": f"{self.environment.name}/releases"}}
        update = self.environment.aws("dynamodb").update_item
        if not write_fenced(update, fencing, Key=key, UpdateExpression="SET fencing = :mine"):
            raise LeaseLostError(
                f"another command has recorded a release of {self.environment.name} since this command lost the lease",
                f"see the release: dwcp releases --environment {self.environment.name}",
            )


def _id_of(key: str) -> str:
    return key.split("/")[2].partition("-")[2]
