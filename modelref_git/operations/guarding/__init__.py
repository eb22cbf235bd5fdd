"""What a server refuses of a push: each promise about refs and about who pushes, as a rule told to people."""
