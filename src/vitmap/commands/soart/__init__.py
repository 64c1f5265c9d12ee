"""`vitmap soart`: the metric-based path, one file a subcommand."""
