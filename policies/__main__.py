"""The policy pack that the engine runs: ``pulumi up --policy-pack policies``."""

from policies.engine import serve

serve()
