"""DSD²: iterative pruning, sparse double descent, distillation and entropy-gated early stopping.

The science of the workflow as a library; the Snakemake rules call it as ``python -m dsd2 VERB``.
"""
