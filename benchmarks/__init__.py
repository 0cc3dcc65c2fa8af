"""The same programs in symtensor and in its peers, timed side by side: `python -m benchmarks.run --help`."""
