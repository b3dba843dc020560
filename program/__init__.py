"""The program as data: what it declares for a stack, and what is known of the types of its resources.

From here may be imported:

- ``evaluation``: ``evaluate`` and ``evaluate_worlds`` (any checkout, in a process of its own), ``evaluate_here`` and ``run`` (in
  this one); ``project_files``: ``Pulumi.yaml`` and the stack files as the engine takes them;
- ``graph``: ``Graph`` and ``Resource``; ``paths`` and ``protocol``: property paths and the engine's marks in values;
- ``catalogue``: which changes replace a resource of a type, and what is lost with it; ``types``: the type tokens by short name;
- ``checkout``: the checkout's folder; ``errors``; ``short_lived``: what a process of our own leaves out.
"""
