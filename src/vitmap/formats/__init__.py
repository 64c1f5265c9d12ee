"""One file a format. No torch here."""
