"""`vitmap IMAGE`: maps of one or more pictures."""
