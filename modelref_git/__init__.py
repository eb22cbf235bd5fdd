"""A Git-backed dataset manager: proposals are branches, batches are merges, history is the audit log."""

__version__ = "0.1.0"
