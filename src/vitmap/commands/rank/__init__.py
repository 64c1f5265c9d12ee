"""`vitmap rank`: which layer and head shows the defect."""
