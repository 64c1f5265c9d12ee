"""Reference implementations written for the tests, after published algorithms."""
