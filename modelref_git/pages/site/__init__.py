"""The static site: the reading half of the pages as plain files, for any host that serves files."""
