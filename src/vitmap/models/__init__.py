"""From a name to a Backbone: the hub, local folders, one adapter a library."""
