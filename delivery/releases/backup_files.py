"""The deployment backups that the guide requires: files that ``kubectl apply -f`` accepts.

Each file contains the name of its environment and a checksum. The files are
``backups/deployments/dwcp-v3-ENVIRONMENT-TIMESTAMP.yaml``, in the checkout and in the artifact bucket.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from contract import BACKUPS_FOLDER, PROJECT
from delivery.clients.checkpoint import text_digest
from delivery.clients.work_folder import write
from delivery.releases.release import Release
from delivery.releases.store import ReleaseError, Releases
from program.evaluation import CHECKOUT

FOLDER = Path(BACKUPS_FOLDER)
HEADER = "# A deployment of {project} in {environment}. Apply it with `dwcp rollback --environment {environment} --to FILE`.\n"
RELEASE, SHA256 = "# release: ", "# sha256: "


class BackupFileError(ReleaseError):
    """A backup file cannot be read or written, is damaged, belongs to another environment, or is not a backup."""


def name_of(environment: str, timestamp: str) -> str:
    """The file name of a backup."""
    return f"{PROJECT}-{environment}-{timestamp}.yaml"


def render(release: Release) -> str:
    """The text of the backup file: the release record in comments, then the objects."""
    objects = "---\n" + yaml.safe_dump_all(release.manifests, sort_keys=False, width=1000)
    record = release.model_dump_json(exclude={"manifests"})
    body = f"{RELEASE}{record}\n{objects}"
    return HEADER.format(project=PROJECT, environment=release.environment) + f"{SHA256}{text_digest(body)}\n{body}"


def save(releases: Releases, release: Release, timestamp: str, checkout: Path = CHECKOUT) -> Path:
    """Write the backup file to the checkout and to the artifact bucket. Returns the path in the checkout."""
    text = render(release)
    file = checkout / FOLDER / name_of(release.environment, timestamp)
    try:
        write(file, text)
    except OSError as error:
        raise BackupFileError(
            f"{file} cannot be written: {error.strerror or error}", "free disk space, or make the folder writable"
        ) from error
    releases.s3.put_object(
        Bucket=releases.bucket, Key=str(FOLDER / file.name), Body=text.encode(), ContentType="application/yaml; charset=utf-8"
    )
    return file


def read(path: Path, environment: str) -> Release:
    """The release in a backup file. Raises ``BackupFileError`` unless the file is complete and belongs to ``environment``."""
    fix = f"choose another file of {FOLDER}/, or a release: dwcp releases --environment {environment}"
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BackupFileError(f"{path} cannot be read: {error}", fix) from error
    found = re.match(rf"#[^\n]*\n{SHA256}(?P<sha>[0-9a-f]{{64}})\n(?P<body>{RELEASE}(?P<record>[^\n]*)\n.*)", text, re.DOTALL)
    if found is None:
        raise BackupFileError(f"{path} is not a backup of dwcp, or its header is truncated", fix)
    if text_digest(found["body"]) != found["sha"]:
        raise BackupFileError(f"{path} is damaged: its content does not match the SHA-256 in its header", fix)
    try:
        content: dict[str, Any] = json.loads(found["record"])
        manifests = cast("list[dict[str, Any]]", list(yaml.safe_load_all(found["body"])))
        release = Release.model_validate({**content, "manifests": [each for each in manifests if each]})
    except (ValueError, ValidationError, yaml.YAMLError) as error:
        raise BackupFileError(f"{path} has a format that this version of dwcp does not support: {error}", fix) from error
    if release.environment != environment:
        raise BackupFileError(f"{path} is a backup of {release.environment}, not of {environment}", fix)
    return release
