"""Theano's sandbox: the random streams of `rng_mrg` and the draws of `multinomial`."""
