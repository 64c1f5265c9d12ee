"""One figure a file: what each shows is in its first line."""
