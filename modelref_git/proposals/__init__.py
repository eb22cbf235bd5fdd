"""HOW a change is decided: actors, events, lifecycle, policy. Pure values and rules."""
