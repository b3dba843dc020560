"""Resources of the account, not of a stack: the pipelines' identities, and the limits of their permissions.

``pipeline_access.PipelineAccess`` is the component of ``bootstrap/``.
"""
