"""Resources that exist once per AWS account: the pipelines' roles and the permissions boundaries.

``pipeline_access.PipelineAccess`` is the component that ``bootstrap/`` creates.
"""
