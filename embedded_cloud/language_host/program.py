"""The interpreter of a program: it imports the SDK, then waits for its script.

The engine loads the policy pack before it sends the name of the script. The pack and the script begin with the same slow import.
Therefore the interpreter starts early, and the two imports run in parallel. Before the script runs, this module sets the
environment, working folder and arguments that the engine has sent, as if Python had been started with the script.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

from embedded_cloud.language_host import quick


def main() -> None:
    """Run the script that one line at standard input describes; return if there is no line."""
    quick.collect_nothing()
    import pulumi.runtime  # noqa: F401  # ahead of time, for the script

    if not (line := sys.stdin.readline()):
        return
    order = json.loads(line)
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = order["command"]
    script = sys.argv[0]
    sys.path[0] = str(Path(script).parent)
    quick.run_with_engine(debug=order["debug"])
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
