"""The Pulumi program of the account's stack, which only an administrator can apply.

It declares GitHub's OIDC provider (unless `account.providerArn` names an existing provider), the pipelines' roles, and two kinds of
permissions boundaries: for the pipelines' roles, and for the roles that a pipeline creates.
"""

from pulumi import ResourceOptions

from components.account.pipeline_access import PipelineAccess, PipelineAccessArgs
from components.component import export
from components.providers import account_provider
from components.settings import load_account
from contract import APPLICATION as NAME

settings = load_account()
pipelines = PipelineAccess(NAME, PipelineAccessArgs(settings=settings), ResourceOptions(providers=[account_provider(settings)]))
export(pipelines=pipelines)
