"""``python -m sandbox.toolchain [NAME ...]``: build the named programs (all without a name) and print their paths."""

import sys

from sandbox.errors import SandboxError
from sandbox.toolchain import ensure
from sandbox.toolchain.catalogue import MODULES

try:
    for path in ensure(*(sys.argv[1:] or [name for module in MODULES for name in module.files])).values():
        print(path)
except SandboxError as error:
    sys.exit(f"error: {error}")
