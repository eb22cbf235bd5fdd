"""Replicas: read-only followers of a dataset that serve exported files."""
