"""Images under the names of the real ones, made from Debian packages, since no image can be pulled where there is no registry.

They hold the same programs, of Debian's versions, and behave as the real images do where the stack relies on it: user, data
folders and their owners, entry points, ``wget`` for health checks. Grafana is not in Debian: its stand-in answers
``/api/health`` and nothing else. Node's has the npm packages of the fixture app in it, so that an image is built without a network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from docker_engine.engine import Engine
from recording import ROOT

from components.compose.compose_file import DEFAULTS
from components.compose.service import plain
from components.compose.services import stack
from sandbox.project import TOOLCHAIN

APP = ROOT / "tests/fixtures/app"
DOCKERFILE = ROOT / "docker/Dockerfile.dwcp-v3"
IMAGES = {service.name: plain(service.image) for service in stack(DEFAULTS).services}
"""The real names, by service."""
RELEASE = "bookworm"
NPM = "npm@10.8.2"
"""The newest that runs on Debian's Node 18."""

PACKAGES = (
    "busybox",
    "ca-certificates",
    "dumb-init",
    "nodejs",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-node-exporter",
    "prometheus-redis-exporter",
    "redis-server",
    "wget",
)
BASE = f"dwcp-standin/debian:{RELEASE}"
LABEL = "dwcp.standin"
"""On every stand-in: the digest of the recipe."""

NOBODY = "65534:65534"
REDIS = "999:1000"
"""Of the user ``redis`` in the Alpine image."""

GRAFANA = """\
#!/usr/bin/env node
const { createServer } = require("node:http");
createServer((request, response) => {
  response.writeHead(request.url === "/api/health" ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify({ database: "ok", standin: "serves its health endpoint only" }));
}).listen(3000);
process.on("SIGTERM", () => process.exit(0));
"""

APK = """\
#!/bin/sh
# Stand-in for Alpine's: what is asked for is in the image already.
for package; do case $package in dumb-init*) test -x /usr/bin/dumb-init || exit 1 ;; esac; done
"""
ADDGROUP = '#!/bin/sh\n# Stand-in for busybox\' `addgroup -g GID -S NAME`.\nexec groupadd --system --gid "$2" "$4"\n'
ADDUSER = (
    "#!/bin/sh\n# Stand-in for busybox' `adduser -u UID -G GROUP -S -D NAME`.\n"
    'exec useradd --system --create-home --uid "$2" --gid "$4" "$7"\n'
)
NPMRC = "offline=true\ncache=/opt/npm-cache\n"


def node_image() -> str:
    """What the service's Dockerfile stands on."""
    (found,) = re.findall(r"^ARG NODE_IMAGE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    return found


def data_folder(path: str, owner: str) -> str:
    return f"RUN mkdir -p {path} && chown {owner} {path}\n"


def dockerfiles(images: Mapping[str, str]) -> dict[str, str]:
    """Image name -> Dockerfile; ``images`` are the real names by what they are."""
    return {
        images["redis"]: data_folder("/data", REDIS) + f'USER {REDIS}\nWORKDIR /data\nCMD ["redis-server"]\n',
        images["redis-exporter"]: (
            'RUN ln -s /usr/bin/prometheus-redis-exporter /redis_exporter\nUSER 59000:59000\nENTRYPOINT ["/redis_exporter"]\n'
        ),
        images["prometheus"]: (
            # Debian's is too old to reload its configuration by itself.
            "COPY prometheus /usr/bin/prometheus\n"
            + data_folder("/prometheus", NOBODY)
            + f'USER {NOBODY}\nWORKDIR /prometheus\nENTRYPOINT ["/usr/bin/prometheus"]\n'
        ),
        images["alertmanager"]: (
            data_folder("/alertmanager", NOBODY)
            + "RUN ln -s /usr/bin/prometheus-alertmanager /bin/alertmanager\n"
            + f'USER {NOBODY}\nWORKDIR /alertmanager\nENTRYPOINT ["/bin/alertmanager"]\n'
        ),
        images["node-exporter"]: f'USER {NOBODY}\nENTRYPOINT ["/usr/bin/prometheus-node-exporter"]\n',
        images["grafana"]: (
            data_folder("/var/lib/grafana", "472:0")
            + "COPY grafana.js /grafana.js\nRUN chmod 755 /grafana.js && ln -s /grafana.js /run.sh\n"
            + 'USER 472:0\nENTRYPOINT ["/run.sh"]\n'
        ),
        images["node"]: (
            "COPY npm /usr/local/lib/npm\n"
            "RUN ln -s /usr/local/lib/npm/node_modules/npm/bin/npm-cli.js /usr/bin/npm\n"
            "COPY npm-cache /opt/npm-cache\nCOPY npmrc /opt/npmrc\nENV NPM_CONFIG_GLOBALCONFIG=/opt/npmrc\n"
            "COPY apk addgroup adduser /usr/local/sbin/\n"
        ),
    }


def recipe(images: Mapping[str, str]) -> str:
    """Digest of all that the stand-ins are made of."""
    parts = (Path(__file__).read_bytes(), (APP / "package-lock.json").read_bytes(), repr(sorted(images.items())).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def ensure(engine: Engine, images: Mapping[str, str]) -> None:
    """Make the stand-ins unless the engine has them; minutes the first time, nothing after that."""
    digest = recipe(images)
    listed = engine.client.images.list(filters={"label": f"{LABEL}={digest}"})
    there = {tag for image in listed for tag in image.tags}
    if there >= {BASE, *images.values()}:
        return
    with tempfile.TemporaryDirectory(prefix="dwcp-standins-") as name:
        folder = Path(name)
        if BASE not in there:
            import_base(engine, folder, digest)
        context(folder)
        for image, instructions in dockerfiles(images).items():
            text = f"FROM {BASE}\n{instructions}"
            (folder / "Dockerfile").write_text(text)
            engine.run("docker", "build", "--network", "none", "--quiet", "--tag", image, folder)


class UnavailableError(Exception):
    """What the stand-ins are made of cannot be had here."""


def fetch(*command: str | Path, folder: Path | None = None) -> None:
    """Run a command that needs a registry."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        words = " / ".join(done.stderr.strip().splitlines()[-2:])
        raise UnavailableError(f"{command[0]} cannot get what it needs: {words}")


def import_base(engine: Engine, folder: Path, digest: str) -> None:
    """Debian with all packages: layers are shared, so that seven images take the room of one."""
    root = folder / "root"
    fetch("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, root)
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / waste, ignore_errors=True)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        engine.run("docker", "import", "--change", f"LABEL {LABEL}={digest}", "-", BASE, stdin=tar.stdout)
    shutil.rmtree(root)


def context(folder: Path) -> None:
    """The files that the stand-ins copy; the npm cache is filled by the machine's own npm."""
    (folder / "grafana.js").write_text(GRAFANA)
    shutil.copy(TOOLCHAIN.ensure("prometheus")["prometheus"], folder / "prometheus")
    for name, text in {"apk": APK, "addgroup": ADDGROUP, "adduser": ADDUSER}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    registry = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "npmrc").write_text(f"{NPMRC}registry={registry}\n")
    fetch("npm", "install", "--prefix", folder / "npm", "--no-audit", "--no-fund", NPM)
    app = folder / "app"
    app.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(APP / name, app)
    # Packages for other machines are skipped by an install, and so are not in the cache.
    fetch("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", folder / "npm-cache", folder=app)
    shutil.rmtree(app)
