"""The Python reading API for consumers: an export or a repository, read in the same way."""
