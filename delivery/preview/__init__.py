"""Previews of a change to the program and drift of the cloud, in one data model.

Other packages import the modules, each by itself, because a command loads only what it needs:

- ``change``: the data model: ``Preview`` and ``Drift`` with their ``ResourceChange``, ``PropertyChange``, ``PolicyViolation``...;
- ``from_program.preview``: the program at base and at head, without credentials; ``from_engine.preview``: the engine's;
- ``drift.detect``: the state against the cloud;
- ``comment``, ``page`` and ``drift_report``: the reports.
"""
