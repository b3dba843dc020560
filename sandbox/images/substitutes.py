"""Substitutes for the real images, with the same names, for machines without access to an image registry.

Most substitutes contain the program of the real image in Debian's version; Prometheus has the toolchain's version. Debian has no
Grafana and no kube-state-metrics, so these two substitutes only answer health checks. Each substitute also has everything on which
the stack relies: the user, data folders and their owners, the entry point, ``wget`` for health checks. The substitute for Node's
image contains the npm packages of the fixture app, so that the service's image is built without a network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import contract
from program.checkout import CHECKOUT
from sandbox.images.docker_engine import DockerEngine, UnavailableError
from sandbox.project import TOOLCHAIN

APP = CHECKOUT / "tests/fixtures/app"
DOCKERFILE = CHECKOUT / contract.DOCKERFILE
RELEASE = "bookworm"
NPM = "npm@10.8.2"
"""A version of npm that runs on Debian's Node 18. Version 11 needs a newer Node."""

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
"""The label of every substitute, with the digest of its recipe."""

UNPRIVILEGED = "65534:65534"
REDIS = "999:1000"
"""User and group id of ``redis`` in the Alpine image."""

GRAFANA = """\
#!/usr/bin/env node
const { createServer } = require("node:http");
createServer((request, response) => {
  response.writeHead(request.url === "/api/health" ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify({ database: "ok", substitute: "serves its health endpoint only" }));
}).listen(3000);
process.on("SIGTERM", () => process.exit(0));
"""

EXPORTER = """\
#!/usr/bin/env node
const { createServer } = require("node:http");
for (const port of [8080, 8081]) {
  createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.end("# substitute: answers its probes, and exports no metrics\\n");
  }).listen(port);
}
process.on("SIGTERM", () => process.exit(0));
"""

ALERTMANAGER = """\
#!/bin/sh
# Debian's Alertmanager does not support url_file: replace it with an address at which nothing listens.
for argument; do
  shift
  case $argument in
    --config.file=*)
      sed 's#url_file: .*#url: http://127.0.0.1:9/#' "${argument#*=}" > /alertmanager/standin.yml
      argument=--config.file=/alertmanager/standin.yml ;;
  esac
  set -- "$@" "$argument"
done
exec /usr/bin/prometheus-alertmanager "$@"
"""

APK = """\
#!/bin/sh
# Substitute for Alpine's apk: the packages are already in the image. Fails if dumb-init is missing.
for package; do case $package in dumb-init*) test -x /usr/bin/dumb-init || exit 1 ;; esac; done
"""
ADDGROUP = '#!/bin/sh\n# Substitute for busybox\' `addgroup -g GID -S NAME`.\nexec groupadd --system --gid "$2" "$4"\n'
ADDUSER = (
    "#!/bin/sh\n# Substitute for busybox' `adduser -u UID -G GROUP -S -D NAME`.\n"
    'exec useradd --system --create-home --uid "$2" --gid "$4" "$7"\n'
)
NPMRC = "offline=true\ncache=/opt/npm-cache\n"


def data_folder(path: str, owner: str) -> str:
    """The Dockerfile instruction that creates a data folder."""
    return f"RUN mkdir -p {path} && chown {owner} {path}\n"


RECIPES = {
    "redis": data_folder("/data", REDIS) + f'USER {REDIS}\nWORKDIR /data\nCMD ["redis-server"]\n',
    "redis-exporter": (
        'RUN ln -s /usr/bin/prometheus-redis-exporter /redis_exporter\nUSER 59000:59000\nENTRYPOINT ["/redis_exporter"]\n'
    ),
    "prometheus": (
        # The toolchain's Prometheus, because Debian's version is too old to reload its configuration by itself.
        "COPY prometheus /usr/bin/prometheus\n"
        + data_folder("/prometheus", UNPRIVILEGED)
        + f'USER {UNPRIVILEGED}\nWORKDIR /prometheus\nENTRYPOINT ["/usr/bin/prometheus"]\n'
    ),
    "alertmanager": (
        data_folder("/alertmanager", UNPRIVILEGED)
        + "COPY alertmanager /bin/alertmanager\n"
        + f'USER {UNPRIVILEGED}\nWORKDIR /alertmanager\nENTRYPOINT ["/bin/alertmanager"]\n'
    ),
    "node-exporter": f'USER {UNPRIVILEGED}\nENTRYPOINT ["/usr/bin/prometheus-node-exporter"]\n',
    "grafana": (
        data_folder("/var/lib/grafana", "472:0")
        + "COPY grafana.js /grafana.js\nRUN ln -s /grafana.js /run.sh\n"
        + 'USER 472:0\nENTRYPOINT ["/run.sh"]\n'
    ),
    "kube-state-metrics": f'COPY exporter.js /exporter.js\nUSER {UNPRIVILEGED}\nENTRYPOINT ["/exporter.js"]\n',
    "pause": f'USER {UNPRIVILEGED}\nENTRYPOINT ["/usr/bin/dumb-init", "sleep", "infinity"]\n',
    "node": (
        "COPY npm /usr/local/lib/npm\n"
        "RUN ln -s /usr/local/lib/npm/node_modules/npm/bin/npm-cli.js /usr/bin/npm\n"
        "COPY npm-cache /opt/npm-cache\nCOPY npmrc /opt/npmrc\nENV NPM_CONFIG_GLOBALCONFIG=/opt/npmrc\n"
        "COPY apk addgroup adduser /usr/local/sbin/\n"
    ),
}
"""The Dockerfile instructions that each substitute adds to the Debian base, by the kind of the real image."""


def node_image() -> str:
    """The base image of the service's Dockerfile."""
    (found,) = re.findall(r"^ARG NODE_IMAGE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    return found


def dockerfiles(images: Mapping[str, str]) -> dict[str, str]:
    """The Dockerfile instructions of each substitute, by image name. ``images`` are the real image names by kind."""
    return {name: RECIPES[kind] for kind, name in images.items()}


def everything() -> str:
    """One text with all sources of the substitutes, except npm, npm's cache and the program of Prometheus."""
    return repr((RELEASE, PACKAGES, RECIPES, NPMRC, context_files()))


def digest_of(*parts: str | bytes) -> str:
    """Digest of an image's sources."""
    return hashlib.sha256(b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)).hexdigest()[:16]


def ensure(engine: DockerEngine, images: Mapping[str, str]) -> None:
    """Build the substitutes for ``images`` that the engine does not have. The first build takes minutes.

    ``images`` are the real image names by kind, as for :func:`dockerfiles`.
    """
    base = digest_of(RELEASE, *PACKAGES)
    files = context_files()
    wanted = {BASE: base}
    for image, instructions in dockerfiles(images).items():
        npm = (NPMRC, (APP / "package-lock.json").read_bytes()) if image == images.get("node") else ()
        copied = [text for name, text in files.items() if name in instructions]
        wanted[image] = digest_of(base, instructions, *copied, *npm)
    missing = {image for image, digest in wanted.items() if not _has(engine, image, digest)}
    if not missing:
        return
    with tempfile.TemporaryDirectory(prefix="dwcp-standins-") as name:
        folder = Path(name)
        if BASE in missing:
            import_base(engine, folder, base)
        context(folder, files, npm=images.get("node") in missing)
        for image, instructions in dockerfiles(images).items():
            if image in missing:
                (folder / "Dockerfile").write_text(f"FROM {BASE}\n{instructions}LABEL {LABEL}={wanted[image]}\n")
                engine.run("docker", "build", "--network", "none", "--quiet", "--tag", image, folder)


def _has(engine: DockerEngine, image: str, digest: str) -> bool:
    found = engine.client.images.list(name=image, filters={"label": f"{LABEL}={digest}"})
    return bool(found)


def fetch(*command: str | Path, folder: Path | None = None) -> None:
    """Run a command that needs a package registry. Raises ``UnavailableError`` with the end of its messages if it fails."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        lines = " / ".join(done.stderr.strip().splitlines()[-2:])
        raise UnavailableError(f"{command[0]} fails: {lines}", f"check the package registry in the configuration of {command[0]}")


def import_base(engine: DockerEngine, folder: Path, digest: str) -> None:
    """Import the base image, Debian with all packages. All substitutes share it, which saves disk space."""
    root = folder / "root"
    fetch("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, root)
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / waste, ignore_errors=True)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        engine.run("docker", "import", "--change", f"LABEL {LABEL}={digest}", "-", BASE, stdin=tar.stdout)
    shutil.rmtree(root)


def context_files() -> dict[str, str]:
    """The text files that the substitutes copy, by path, except npm's settings."""
    return {
        "grafana.js": GRAFANA,
        "exporter.js": EXPORTER,
        "alertmanager": ALERTMANAGER,
        "apk": APK,
        "addgroup": ADDGROUP,
        "adduser": ADDUSER,
    }


def context(folder: Path, files: Mapping[str, str], *, npm: bool) -> None:
    """Write the build context: the files that the substitutes copy and, with ``npm``, npm itself and npm's filled cache."""
    shutil.copy(TOOLCHAIN.ensure("prometheus")["prometheus"], folder / "prometheus")
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    if npm:
        _npm_cache(folder)


def _npm_cache(folder: Path) -> None:
    registry = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "npmrc").write_text(f"{NPMRC}registry={registry}\n")
    fetch("npm", "install", "--prefix", folder / "npm", "--no-audit", "--no-fund", NPM)
    app = folder / "app"
    app.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(APP / name, app)
    # `npm ci` fills the cache only with packages for this operating system and CPU, which keeps the cache small.
    fetch("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", folder / "npm-cache", folder=app)
    shutil.rmtree(app)
