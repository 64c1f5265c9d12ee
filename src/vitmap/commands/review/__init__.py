"""`vitmap review`: regions, exports and a page of many pictures."""
