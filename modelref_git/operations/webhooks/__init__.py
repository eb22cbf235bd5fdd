"""Webhooks: receivers that are told of the events of the queue log, each once at least and in order."""
