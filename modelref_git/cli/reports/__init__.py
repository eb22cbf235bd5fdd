"""What a check found, in the forms in which people and programs take it: one module a form."""
