"""WHAT the data is: names, record models, codec, schemas, differences. Pure values and rules."""
