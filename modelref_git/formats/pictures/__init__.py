"""Picture files: what they are and whether they are sound, and what is shown of them in small."""
