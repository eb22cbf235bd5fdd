"""What other hosts hold: the only room that talks to the network."""
