"""Files that vitmap reads and writes: opened, checked, joined to a folder and locked in one way."""
