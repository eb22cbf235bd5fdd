"""WHAT one can do: one verb a file; each reads, decides, writes."""
