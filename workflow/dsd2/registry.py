"""Things of one kind by name: networks, criteria, datasets, figures.

Every module of a kind's package is imported when the kind is first looked at, and registers what it
holds. So a new thing is one new file. Snakemake reads these modules whenever it starts: they import
torch and other large libraries inside functions.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Registered = TypeVar("Registered")


@dataclass(frozen=True)
class Family(Generic[T]):
    """Classes whose names have one form, as those of another library's networks.

    Attributes:
        form: what a name is like, for people: ``torchvision/NAME``.
        pattern: regular expression of a whole name; the form matches it, too.
        base: the class that they are subclasses of, which differ in their name alone.
        members: those that were asked for, by name.
    """

    form: str
    pattern: str
    base: T
    members: dict[str, T] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return re.fullmatch(self.pattern, name) is not None

    def __getitem__(self, name: str) -> T:
        if name not in self.members:
            base = self.base
            assert isinstance(base, type), "the members of a family are classes"
            about = {"__module__": base.__module__, "__doc__": base.__doc__}
            self.members[name] = type(base.__name__, (base,), about)  # type: ignore[assignment]
        return self.members[name]


class Registry(Mapping[str, T]):
    """The registered things of one kind, by name.

    Iterating gives every name, and the form of each family of names.

    Args:
        kind: what one of them is, for messages: ``network``.
        package: dotted name of the package whose modules register them.
        optional: whether the package may be missing, so that nothing is registered.
    """

    def __init__(self, kind: str, package: str, *, optional: bool = False) -> None:
        self.kind = kind
        self._package = package
        self._optional = optional
        self._loaded = False
        self._things: dict[str, T] = {}
        self._families: dict[str, Family[T]] = {}

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

    def register_family(self, form: str, pattern: str) -> Callable[[Registered], Registered]:
        """A decorator that registers a class for every name of a form; see :class:`Family`."""

        def decorate(base: Registered) -> Registered:
            self._families[form] = Family(form, pattern, base)  # type: ignore[arg-type]
            return self.register(form)(base)

        return decorate

    def families(self) -> tuple[Family[T], ...]:
        """The families of names."""
        self._all()
        return tuple(self._families.values())

    def entry(self, name: str) -> str:
        """What a name is listed by: itself, or the form of its family; itself if it is unknown."""
        if name in self._all():
            return name
        return next((family.form for family in self._families.values() if name in family), name)

    def summary(self, name: str) -> str:
        """The first paragraph of a thing's docstring, on one line."""
        return " ".join((self[name].__doc__ or "").split("\n\n")[0].split())

    def name_of(self, thing: object) -> str:
        """The name that a thing is registered by.

        Raises:
            KeyError: it is not registered.
        """
        members = [family.members for family in self._families.values()]
        for things in (*members, self._all()):
            for name, registered in things.items():
                if registered is thing:
                    return name
        raise KeyError(thing)

    def __getitem__(self, name: str) -> T:
        things = self._all()
        if name not in things and (entry := self.entry(name)) in self._families:
            return self._families[entry][name]
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

    def _modules(self) -> list[str]:
        """Names of the package's modules."""
        try:
            package = importlib.import_module(self._package)
        except ModuleNotFoundError as error:
            if self._optional and error.name == self._package:
                return []
            raise
        return sorted(module.name for module in pkgutil.iter_modules(package.__path__))

    def _all(self) -> dict[str, T]:
        if not self._loaded:
            self._loaded = True
            for module in self._modules():
                importlib.import_module(f"{self._package}.{module}")
            # Whichever module was imported first, names have one order.
            self._things = dict(sorted(self._things.items()))
        return self._things
