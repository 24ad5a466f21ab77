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
from typing import TypeVar, overload

from registry.english import LONGEST_SHOWN
from registry.errors import DuplicateNameError, SpecError, UnknownBackboneError
from registry.spec import BackboneSpec

ENTRY_POINT_GROUP = "parnet_zoo.backbones"

# Built-in plugins are listed here, not as entry points of our own: reading every installed
# distribution's metadata costs more than the rest of `registry.get`, and is done only when a name
# is not among these or when all names are asked for.
BUILTIN_PLUGINS: tuple[tuple[str, str], ...] = (
    ("parnet", "parnet_zoo.networks.variants:specs"),
    ("parnet_blog", "parnet_zoo.networks.blog.variants:specs"),
    ("baselines", "parnet_zoo.networks.baselines:specs"),
)

NEAR_ENOUGH = 0.7
"""difflib's ratio above which a name counts as a misspelling of another."""

Plugin = Callable[[], Iterable[BackboneSpec]]
S = TypeVar("S", bound=BackboneSpec)


@dataclass
class Catalog:
    """Specs by name, each with the plugin it came from."""

    specs: dict[str, BackboneSpec] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    builtin_loaded: bool = False
    plugins_loaded: bool = False

    def register(self, spec: S, *, origin: str = "user", aliases: Iterable[str] = ()) -> S:
        """Add one spec; see `registry.register`."""
        aliases = tuple(aliases)
        self._check_free((spec.name, *aliases), origin)
        self._check_family(spec, origin)
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
        kinds: dict[str, type[BackboneSpec]] = {}
        for spec in found:
            self._check_family(spec, origin)
            if kinds.setdefault(spec.family, type(spec)) is not type(spec):
                raise TypeError(f"it gave specs of two classes for the family {spec.family!r}")
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

    def _check_family(self, spec: BackboneSpec, origin: str) -> None:
        """A family has one class, so that its name says what a mapping is read as."""
        for other in self.specs.values():
            if other.family == spec.family and type(other) is not type(spec):
                raise DuplicateNameError(
                    f"the family {spec.family!r} is claimed twice: with {type(other).__name__} by"
                    f" {self.origins[other.name]} and with {type(spec).__name__} by {origin}"
                )

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
        spec = self.find(name)
        if spec is None:
            raise UnknownBackboneError(self._not_found(name))
        return spec

    def find(self, name: str) -> BackboneSpec | None:
        """The spec of that name or alias, if there is one."""
        self.load_builtin()
        if name not in self.origins:
            self.load_plugins()
        return self.specs.get(self.aliases.get(name, name))

    def names(self, pattern: str = "*", *, hidden: bool = False) -> list[str]:
        """Names that match a glob; see `registry.names`."""
        self.load_plugins()
        return [
            name
            for name, spec in sorted(self.specs.items())
            if fnmatch.fnmatchcase(name, pattern) and (hidden or not spec.hidden)
        ]

    def members(self, family: str) -> list[BackboneSpec]:
        """All registered specs of a family."""
        self.load_builtin()
        found = [spec for spec in self.specs.values() if spec.family == family]
        if found or self.plugins_loaded:
            return found
        self.load_plugins()
        return self.members(family)

    def families(self) -> dict[str, type[BackboneSpec]]:
        """The spec class of every family, sorted; see `registry.families`."""
        self.load_plugins()
        return {
            spec.family: type(spec)
            for spec in sorted(self.specs.values(), key=lambda spec: spec.family)
        }

    def suggestions(self, name: str) -> list[str]:
        """Registered names close to a misspelt one, nearest first; see `registry.suggestions`."""
        self.load_plugins()
        return near_names(name, [*self.specs, *self.aliases])

    def _not_found(self, name: str) -> str:
        near = self.suggestions(name)
        shown = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
        hint = f"did you mean {' or '.join(near)}?" if near else "see `parnet-zoo backbones list`"
        failed = "".join(f"; {origin} is broken: {why}" for origin, why in self.broken.items())
        return f"no backbone is called {shown!r}; {hint}{failed}"


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that `name` may be a misspelling of, nearest first."""
    plain = name.lower().replace("-", "_")
    return difflib.get_close_matches(plain, list(known), n=3, cutoff=NEAR_ENOUGH)


def _origin(point: EntryPoint) -> str:
    if point.dist is None:
        return f"plugin {point.name!r}"
    return f"plugin {point.name!r} of {point.dist.name} {point.dist.version}"


_catalog = Catalog()


def register(spec: S, *, aliases: Iterable[str] = ()) -> S:
    """Register a spec of your own under its name.

    Raises:
        DuplicateNameError: The name or an alias is taken, or the family has another spec class; the
            message names both sides.
    """
    _catalog.load_builtin()
    return _catalog.register(spec, aliases=aliases)


@overload
def get(name: str) -> BackboneSpec: ...


@overload
def get(name: str, kind: type[S]) -> S: ...


def get(name: str, kind: type[BackboneSpec] = BackboneSpec) -> BackboneSpec:
    """The spec registered as `name`.

    Args:
        name: A name or an alias.
        kind: Spec class that it must be of, for those who need a family's own fields:
            `registry.get("parnet_s", ParNetSpec).scaling`.

    Raises:
        UnknownBackboneError: No such name; the message gives the nearest ones.
        SpecError: It is of another family.
    """
    spec = _catalog.get(name)
    if not isinstance(spec, kind):
        raise SpecError(
            f"{name} is of the family {spec.family!r}, whose specs are {type(spec).__name__},"
            f" not {kind.__name__}"
        )
    return spec


def find(name: str) -> BackboneSpec | None:
    """The spec registered as `name` or under that alias; None where there is none."""
    return _catalog.find(name)


def names(pattern: str = "*", *, hidden: bool = False) -> list[str]:
    """Sorted names that match a glob such as `"parnet_*"`; hidden ones only when asked for."""
    return _catalog.names(pattern, hidden=hidden)


def suggestions(name: str) -> list[str]:
    """Up to three registered names near to `name`, nearest first."""
    return _catalog.suggestions(name)


def families() -> dict[str, type[BackboneSpec]]:
    """Every registered family and the class of its specs, sorted by family."""
    return _catalog.families()


def members(family: str) -> list[BackboneSpec]:
    """All registered specs of a family, hidden ones too."""
    return _catalog.members(family)


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
