"""The tables of a study, one module each; see :mod:`dsd2.analysis.registered`."""
