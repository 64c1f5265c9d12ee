"""Map methods: what a map can show, one file a method; third parties add theirs by entry points."""

from vitmap.registry import METHODS as METHODS
