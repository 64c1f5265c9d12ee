"""Ways from a model and a photo to maps, one a file."""
