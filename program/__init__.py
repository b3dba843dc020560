"""The program as data: the resources that it declares for a stack, and facts about their types.

Other packages import:
- ``evaluation``: ``evaluate`` evaluates any checkout's program in a separate process. ``evaluate_worlds`` does this twice, with
  example outputs and with unknown outputs. ``evaluate_here`` and ``run`` evaluate a program in the current process;
- ``evaluation_process``: ``KEPT``, the environment variables that an evaluation inherits;
- ``project_files``: ``Pulumi.yaml`` and the stack files, read as the engine reads them;
- ``graph``: ``Graph`` and ``Resource``; ``normal_form``: the same form for every way to declare a resource;
- ``paths``: property paths; ``protocol``: how the engine marks secrets and unknown values;
- ``catalogue``: for each resource type, which changes replace a resource, and which data is lost when the resource is deleted;
- ``types``: the type tokens by short name; ``pod_images``: the images of the declared pods;
- ``checkout``: the folders of the checkout and of each stack's program; ``errors``: the exceptions;
- ``short_lived``: a faster start for short-lived processes.
"""
