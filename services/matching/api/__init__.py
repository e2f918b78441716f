"""HTTP in: parse, one call, return. One module per resource."""
