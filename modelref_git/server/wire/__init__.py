"""The shapes of what is sent and received, for the OpenAPI document and for reading requests."""
