"""A plugin whose author forgot to ask for a dependency."""

from importlib import import_module

import_module("module_that_nobody_has")
