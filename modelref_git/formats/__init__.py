"""Legacy and v2 files in and out."""
