"""The intermediate representation between graphs and machines: see `nodes`."""
