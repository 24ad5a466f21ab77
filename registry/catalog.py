"""The table of backbones: names to specs, filled by plugins at the first look."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from registry.errors import DuplicateNameError, UnknownBackboneError
from registry.spec import BackboneSpec

ENTRY_POINT_GROUP = "parnet_zoo.backbones"

# Built-in plugins are listed here, not as entry points of our own: reading every installed
# distribution's metadata costs more than the rest of `registry.get`, and is done only when a name
# is not among these or when all names are asked for.
BUILTIN_PLUGINS: tuple[tuple[str, str], ...] = (("parnet", "parnet_zoo.networks.variants:specs"),)

Plugin = Callable[[], Iterable[BackboneSpec]]


@dataclass
class Catalog:
    """Specs by name, each with the plugin it came from."""

    specs: dict[str, BackboneSpec] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    builtin_loaded: bool = False
    plugins_loaded: bool = False

    def register(
        self, spec: BackboneSpec, *, origin: str = "user", aliases: Iterable[str] = ()
    ) -> BackboneSpec:
        """Add one spec; see `registry.register`."""
        aliases = tuple(aliases)
        self._check_free((spec.name, *aliases), origin)
        self.origins.update(dict.fromkeys((spec.name, *aliases), origin))
        self.specs[spec.name] = spec
        self.aliases.update(dict.fromkeys(aliases, spec.name))
        return spec

    def register_all(self, specs: Iterable[BackboneSpec], *, origin: str) -> None:
        """Add all specs of a plugin, or none: half a plugin would look like a whole one."""
        found = list(specs)
        for spec in found:
            if not isinstance(spec, BackboneSpec):
                raise TypeError(f"it gave {type(spec).__name__} where a BackboneSpec is expected")
        self._check_free([spec.name for spec in found], origin)
        for spec in found:
            self.register(spec, origin=origin)

    def _check_free(self, names: Iterable[str], origin: str) -> None:
        taken = dict(self.origins)
        for name in names:
            if name in taken:
                raise DuplicateNameError(
                    f"{name!r} is registered twice: by {taken[name]} and by {origin}"
                )
            taken[name] = origin

    def load_builtin(self) -> None:
        """Import the built-in plugins, once."""
        if not self.builtin_loaded:
            self.builtin_loaded = True
            for name, target in BUILTIN_PLUGINS:
                self._load(name, target)

    def load_plugins(self) -> None:
        """Import every plugin, built-in and installed, once. A broken one is noted, not raised."""
        self.load_builtin()
        if not self.plugins_loaded:
            self.plugins_loaded = True
            # In an order of our own: of two plugins with one name the same one must win each time.
            points = entry_points(group=ENTRY_POINT_GROUP)
            for origin, target in sorted((_origin(point), point.value) for point in points):
                try:
                    self._load(origin, target)
                except DuplicateNameError as error:
                    self.broken[origin] = str(error)
                except (Exception, SystemExit) as error:
                    # Anything may go wrong in somebody else's module; the others must still work.
                    self.broken[origin] = " ".join(f"{type(error).__name__}: {error}".split())

    def _load(self, origin: str, target: str) -> None:
        module, _, function = target.partition(":")
        plugin: Plugin = getattr(import_module(module), function)
        self.register_all(plugin(), origin=origin)

    def get(self, name: str) -> BackboneSpec:
        """The spec of that name or alias; see `registry.get`."""
        self.load_builtin()
        if name not in self.origins:
            self.load_plugins()
        try:
            return self.specs[self.aliases.get(name, name)]
        except KeyError:
            raise UnknownBackboneError(self._not_found(name)) from None

    def names(self, pattern: str = "*", *, hidden: bool = False) -> list[str]:
        """Names that match a glob; see `registry.names`."""
        self.load_plugins()
        return [
            name
            for name, spec in sorted(self.specs.items())
            if fnmatch.fnmatchcase(name, pattern) and (hidden or not spec.hidden)
        ]

    def suggestions(self, name: str) -> list[str]:
        """Registered names close to a misspelt one, nearest first; see `registry.suggestions`."""
        self.load_plugins()
        known = [*self.specs, *self.aliases]
        return difflib.get_close_matches(name.lower().replace("-", "_"), known, n=3, cutoff=0.5)

    def _not_found(self, name: str) -> str:
        near = self.suggestions(name)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `parnet-zoo backbones list`"
        failed = "".join(f"; {origin} is broken: {why}" for origin, why in self.broken.items())
        return f"no backbone is called {name!r}; {hint}{failed}"


def _origin(point: EntryPoint) -> str:
    if point.dist is None:
        return f"plugin {point.name!r}"
    return f"plugin {point.name!r} of {point.dist.name} {point.dist.version}"


_catalog = Catalog()


def register(spec: BackboneSpec, *, aliases: Iterable[str] = ()) -> BackboneSpec:
    """Register a spec of your own under its name.

    Raises:
        DuplicateNameError: The name or an alias is taken; the message names both sides.
    """
    _catalog.load_builtin()
    return _catalog.register(spec, aliases=aliases)


def get(name: str) -> BackboneSpec:
    """The spec registered as `name`.

    Raises:
        UnknownBackboneError: No such name; the message gives the nearest ones.
    """
    return _catalog.get(name)


def names(pattern: str = "*", *, hidden: bool = False) -> list[str]:
    """Sorted names that match a glob such as `"parnet_*"`; hidden ones only when asked for."""
    return _catalog.names(pattern, hidden=hidden)


def suggestions(name: str) -> list[str]:
    """Up to three registered names near to `name`, nearest first."""
    return _catalog.suggestions(name)


def broken_plugins() -> dict[str, str]:
    """Plugins that failed to load, with the reason."""
    _catalog.load_plugins()
    return dict(_catalog.broken)


@contextmanager
def temporary() -> Iterator[None]:
    """Undo every registration made inside the block. For tests."""
    before = {name: copy(value) for name, value in vars(_catalog).items()}
    try:
        yield
    finally:
        # All of it: a catalog that had not looked for plugins before must do so again.
        vars(_catalog).update(before)
