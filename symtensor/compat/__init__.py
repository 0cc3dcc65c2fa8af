"""Old names: `paths` says where Theano's modules live here, `finder` serves them, `theano` runs unchanged programs."""
