"""Pages that open from a file, with no server and no network. No torch here."""
