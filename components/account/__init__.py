"""Resources that exist once per AWS account: the pipelines' roles, and the limits of their permissions.

``pipeline_access.PipelineAccess`` is the component that ``bootstrap/`` creates.
"""
