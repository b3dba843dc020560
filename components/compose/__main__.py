"""``python -m components.compose``: writes the compose file of the settings' defaults, which is committed, and what it mounts."""

from pathlib import Path

from components.compose.rendering import write

write(Path("docker"))
