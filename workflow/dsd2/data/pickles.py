"""Pickled arrays that others made, read without running what else may be in them."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

_REBUILD = np.array(0).__reduce__()[0]
# numpy before 2 called its modules otherwise; CIFAR's files were written with one of 2009.
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy._core.multiarray", "_reconstruct"): _REBUILD,
}


class _Arrays(pickle.Unpickler):
    """Knows arrays and what Python's own literals make, and nothing that could be called."""

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may name; see :class:`pickle.Unpickler`."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _ALLOWED[module, name]


def read_arrays(data: bytes) -> Any:
    """What a pickle of arrays, numbers, texts, lists and dictionaries holds.

    Raises:
        pickle.UnpicklingError: it is damaged, or names anything else. Nothing of it was run.
    """
    try:
        return _Arrays(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle can raise whatever its pieces raise
        raise pickle.UnpicklingError(str(error)) from error
