"""Small pure helpers that know nothing of graphs: ordered containers and optional imports."""
