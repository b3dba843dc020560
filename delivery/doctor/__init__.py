"""The guide's troubleshooting chapter as checks that run: observations in, findings out, and what could not be seen is named."""
