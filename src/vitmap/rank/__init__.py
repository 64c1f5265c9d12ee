"""Which layer and head shows the defect: scores of every cell, held out, and the recipe."""
