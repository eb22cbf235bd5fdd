"""What a verification looks at: each promise of the history as a rule that can be checked and told to people."""
