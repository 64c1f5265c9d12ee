"""What normal images are like: their statistics, their patches, where a part lies."""
