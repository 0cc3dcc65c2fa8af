"""From an optimised graph to a Program: see `driver` for the road, `registry` for how an op takes part."""
