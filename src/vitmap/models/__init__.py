"""From a name to an engine: the hub, local folders, one adapter a library."""
