"""The generators of ``make generate``, for committed files that are generated from the code."""
