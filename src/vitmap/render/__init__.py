"""Maps → colours, overlays and figures. No torch here: it works on saved maps."""
