"""A Pulumi language host for Python, with which the Pulumi CLI runs ``__main__.py`` and the policy packs in an embedded cloud.

The official host is a Go program that cannot be built from the files in a package registry. This host implements
the part of the ``LanguageRuntime`` protocol that preview, up, refresh, destroy and policy packs use. It starts the SDK's
``pulumi-language-python-exec``, as the official host does.

Protocol: the engine starts ``pulumi-language-python [flags] ENGINE_ADDRESS`` and reads the port from standard output.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import grpc
import psutil
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from embedded_cloud import grpc_server
from embedded_cloud.instructions import Instructions
from embedded_cloud.language_host import program, quick

SHOWED_ITS_OWN_ERROR = 32
"""Exit code of ``pulumi-language-python-exec`` if it has already printed the program's error."""


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The language host. It runs programs and policy packs with the interpreter of this process."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.children: set[subprocess.Popen[bytes]] = set()
        self.waiting: subprocess.Popen[bytes] | None = None

    def Handshake(
        self, request: language.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language.LanguageHandshakeResponse:
        self.engine = request.engine_address or self.engine
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: object, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetRequiredPackages(
        self, request: language.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPackagesResponse:
        """Return no packages. When the program registers a resource, the engine loads the provider in the SDK's exact version."""
        return language.GetRequiredPackagesResponse()

    def GetRequiredPlugins(
        self, request: language.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPluginsResponse:
        return language.GetRequiredPluginsResponse()

    def About(self, request: language.AboutRequest, context: grpc.ServicerContext) -> language.AboutResponse:
        return language.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def InstallDependencies(
        self, request: language.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language.InstallDependenciesResponse]:
        """Install nothing, because the virtualenv of the embedded cloud is complete."""
        yield from ()

    def Run(self, request: language.RunRequest, context: grpc.ServicerContext) -> language.RunResponse:
        runner = shutil.which("pulumi-language-python-exec")
        if runner is None:
            instructions = Instructions.of_this_process()
            fix = f"{instructions.up}, then {instructions.environment}"
            return language.RunResponse(error=f"pulumi-language-python-exec is not on PATH\n  fix: {fix}")
        command = [
            runner,
            *("--monitor", request.monitor_address),
            *("--engine", self.engine),
            *("--project", request.project),
            *("--stack", request.stack),
            *("--organization", request.organization),
            *("--root_directory", request.info.root_directory),
            *("--pwd", request.pwd),
            *("--dry_run", "true" if request.dryRun else "false"),
            *("--parallel", str(request.parallel)),
            request.info.entry_point or request.program or ".",
            *request.args,
        ]
        environment = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        order = {
            "command": command,
            "environment": environment,
            "folder": request.info.program_directory or ".",
            "debug": quick.is_debugging(psutil.Process(os.getppid()).cmdline()),
        }
        child, self.waiting = self._interpreter(), None
        assert child.stdin is not None
        with suppress(BrokenPipeError), child.stdin as line:  # an interpreter that cannot start has printed its own error
            line.write(json.dumps(order).encode() + b"\n")
        code = self._wait(child)
        if code == SHOWED_ITS_OWN_ERROR:
            return language.RunResponse(bail=True)
        return language.RunResponse(error=f"the program exited with code {code}" if code else "")

    def RunPlugin(self, request: language.RunPluginRequest, context: grpc.ServicerContext) -> Iterator[language.RunPluginResponse]:
        """Start a policy pack, and return its output. The engine waits for the first line, which is the port.

        Also start the interpreter of the program, because the engine usually runs the program next.
        """
        if request.kind != "analyzer":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"this Python host runs policy packs, not {request.kind} plugins")
        command = [sys.executable, "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
        environment = dict(item.split("=", 1) for item in request.env) or dict(os.environ)
        pack = subprocess.Popen(command, cwd=request.info.program_directory, env=environment, stdout=subprocess.PIPE, stderr=None)
        self.waiting = self._interpreter()  # this interpreter imports the SDK while the policy pack starts
        context.add_callback(pack.terminate)
        self.children.add(pack)
        assert pack.stdout is not None
        for line in pack.stdout:
            yield language.RunPluginResponse(stdout=line)
        yield language.RunPluginResponse(exitcode=self._wait(pack))

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        self.end_children()
        return Empty()

    def end_children(self) -> None:
        """End all processes that this host has started."""
        for child in list(self.children):
            child.terminate()

    def _interpreter(self) -> subprocess.Popen[bytes]:
        """The interpreter that was started in advance and waits for its script, or else a new one."""
        interpreter = self.waiting or subprocess.Popen([sys.executable, "-u", "-m", program.__name__], stdin=subprocess.PIPE)
        self.children.add(interpreter)
        return interpreter

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        self.children.add(child)
        try:
            return child.wait()
        finally:
            self.children.discard(child)


def serve() -> None:
    """Serve until the engine ends this process or no longer runs, then end every program and policy pack."""
    server = grpc_server.new_server()
    host = LanguageHost(sys.argv[-1])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    grpc_server.serve(server)
    host.end_children()
