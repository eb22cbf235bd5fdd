"""The state of the service that kept the review queue before: its files, read and held against each other."""
