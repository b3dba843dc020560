"""``python -m sandbox.providers.aws``: what the Pulumi engine starts in place of the official aws plugin."""

from importlib.metadata import version

from sandbox.providers.aws.provider import AwsPlugin
from sandbox.providers.plugin import serve

serve(AwsPlugin(), version("pulumi-aws"))
