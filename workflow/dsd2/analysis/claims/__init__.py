"""The claims of the paper, one module each or a few; see :mod:`dsd2.analysis.registered`."""
