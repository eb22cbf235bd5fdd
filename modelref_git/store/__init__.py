"""WHERE it lives: objects and refs, layout, queue log. The only room that imports pygit2 or runs git."""
