"""The HTTP service: one more interface over the same operations, wire-compatible with what clients know."""
