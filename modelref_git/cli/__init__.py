"""The command line: one file a verb, rendering, exit codes."""
