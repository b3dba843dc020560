"""The interpreter of a program: it imports the SDK, then waits for its script.

The engine loads the policy pack before it sends the name of the script. The pack and the script begin with the same slow import.
Therefore the interpreter starts early, and both import in parallel. When the engine has sent the script's environment, working
folder and arguments, they are set, and are then the same as in a Python that was started with the script.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

from embedded_cloud.language_host import quick


def main() -> None:
    """Run the script in the line at standard input, as if Python had been started with it; exit if there is no line."""
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
