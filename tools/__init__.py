"""The generators behind ``make generate``: files that are committed and made from the code."""
