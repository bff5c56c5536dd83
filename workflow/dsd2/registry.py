"""Things of one kind by name: networks, criteria, datasets, figures.

Every module of a kind's package is imported when the kind is first looked at, and registers what it
holds. So a new thing is one new file. Snakemake reads these modules whenever it starts: they import
torch and other large libraries inside functions.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")
Registered = TypeVar("Registered")


class Registry(Mapping[str, T]):
    """The registered things of one kind, by name.

    Args:
        kind: what one of them is, for messages: ``network``.
        package: dotted name of the package whose modules register them.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._loaded = False
        self._things: dict[str, T] = {}

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """A decorator that registers a function or class; its docstring describes it to users.

        Raises:
            ValueError: the name is taken, or there is no docstring.
        """

        def decorate(thing: Registered) -> Registered:
            if name in self._things:
                raise ValueError(f"two of kind {self.kind} are called {name}")
            if not thing.__doc__:
                raise ValueError(f"{self.kind} {name} has no docstring")
            self._things[name] = thing  # type: ignore[assignment]
            return thing

        return decorate

    def summary(self, name: str) -> str:
        """The first paragraph of a thing's docstring, on one line."""
        return " ".join((self[name].__doc__ or "").split("\n\n")[0].split())

    def name_of(self, thing: object) -> str:
        """The name that a thing is registered by.

        Raises:
            KeyError: it is not registered.
        """
        for name, registered in self._all().items():
            if registered is thing:
                return name
        raise KeyError(thing)

    def __getitem__(self, name: str) -> T:
        things = self._all()
        if name not in things:
            raise KeyError(f"no {self.kind} is called {name!r}, only {', '.join(things)}")
        return things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    # A registry stands in annotations, which must have a hash.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if not self._loaded:
            self._loaded = True
            package = importlib.import_module(self._package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
                importlib.import_module(f"{self._package}.{module.name}")
            # Whichever module was imported first, names have one order.
            self._things = dict(sorted(self._things.items()))
        return self._things
