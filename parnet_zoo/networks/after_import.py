"""A call after a module has been imported, by whomever."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast


class AfterImport:
    """A finder for `sys.meta_path` that calls a function each time one of some modules is whole.

    It finds nothing itself but asks the finders after it. wrapt's hooks do the same and more, but
    importing wrapt takes a tenth of the time in which the command line answers.

    Args:
        modules: Their full names.
        call: What is called. Where it raises, the import fails.
    """

    def __init__(self, modules: Collection[str], call: Callable[[], None]) -> None:
        self._modules = modules
        self._call = call

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """The module's own spec, if it is one of those looked for."""
        if name not in self._modules:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = cast(Any, _Loader(spec.loader, self._call))
                return spec
        return None


class _Loader:
    """A module's own loader in all but the call; the module is left with its own."""

    def __init__(self, own: Any, call: Callable[[], None]) -> None:
        self._own = own
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then call."""
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        self._call()
