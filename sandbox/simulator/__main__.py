"""``python -m sandbox.simulator PORT``: simulate load until a signal ends the process. Environment variables select the sandbox."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import boto3

from embedded_cloud.api_server import ApiServer
from sandbox.simulator.server import Simulator, say, server
from sandbox.simulator.world import World

if __name__ == "__main__":
    world = World(ApiServer(Path(os.environ["KUBECONFIG"])), boto3.client("elbv2"))
    simulator = Simulator(world)
    answering = server(simulator, int(sys.argv[1]))
    say("no container runs: the simulator answers for every pod of the service")
    threading.Thread(target=simulator.run, daemon=True).start()
    answering.serve_forever()
