"""`vitmap explore`: one offline page of every layer and head."""
