"""What an intake asks of a commit that somebody without rights has pushed, and what it answers."""
