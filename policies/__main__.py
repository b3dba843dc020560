"""The policy pack that the engine runs: ``pulumi up --policy-pack policies``."""

import gc

gc.disable()  # as in the program

from policies.pack import serve

serve()
