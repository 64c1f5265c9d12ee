"""From settings and pictures to finished folders, one picture's failure being its own."""
