"""The generators of ``make generate``, for files that are made from the code and committed."""
