"""Maps of attention: their values, whose they are, and everything that is read off them."""
