"""The rules. Each file exports tuples of rules by stage (CANONICALIZE, STABILIZE, ...); none imports a registry:
`symtensor.rewrite.pipeline` imports them."""
