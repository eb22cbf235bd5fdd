"""What each kind of event makes of the queue, by what it is about: asked for, decided, applied."""
