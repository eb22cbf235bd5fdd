"""What each page shows, as plain values: one file a page, asked of the operations."""
