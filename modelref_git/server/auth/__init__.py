"""Who is asking: providers that tell whose key a request came with."""
