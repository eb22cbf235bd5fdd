"""Forms made from the JSON Schema of a category: a record as fields, and the fields that came back as a record."""
