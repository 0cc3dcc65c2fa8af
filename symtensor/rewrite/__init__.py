"""Rewriting graphs: the driver, the language of rules, the rules, and the one file that says which of them run when.

`pipeline` lists the stages. `rule` and `pattern` are for writing rules of our own; `opt` and `optdb` are the machinery
for programs that write local optimizers in Theano's style and register them. docs/rewriting.md says how to write a
rule.
"""
