"""What a CI does for a dataset: judge a branch that nobody has looked at, and merge what an approver has."""
