"""The program as data: the resources that it declares for a stack, and facts about their types.

Other packages import:
- ``evaluation``: ``evaluate`` and ``evaluate_worlds`` (any checkout, in a process of its own), ``evaluate_here`` and ``run`` (in
  this one); ``project_files``: ``Pulumi.yaml`` and the stack files as the engine takes them;
- ``graph``: ``Graph`` and ``Resource``; ``paths`` and ``protocol``: property paths, and how the engine marks secrets and unknowns;
- ``catalogue``: which changes replace a resource of a type, and what is lost with it; ``types``: the type tokens by short name;
- ``checkout``: the checkout's folder; ``errors``; ``short_lived``: how a process that lives for seconds starts faster.
"""
