"""A picture read and judged: by a recipe, or by one layer and head."""
