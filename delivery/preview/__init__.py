"""Previews a change of the program and detects drift of the cloud, with one data model for both.

Other packages import single modules, so that a command loads only the modules that it needs:

- ``change`` is the data model: ``Preview`` and ``Drift`` with their ``ResourceChange``, ``PropertyChange``, ``PolicyViolation``...;
- ``from_program.preview`` compares the program at head (the change) with the program at base (the merge base), without credentials;
- ``from_engine.preview`` runs ``pulumi preview`` against the state;
- ``drift.detect`` compares the state with the cloud;
- ``comment`` writes Markdown, for the terminal and for a pull request; its tables of violations are in ``_violation_tables``;
- ``page`` writes HTML, whose tables are in ``page_template/script.js``;
- ``drift_report`` writes the report on drift.
"""
