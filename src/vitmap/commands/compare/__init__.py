"""`vitmap compare`: heads across pictures, or one picture across models."""
