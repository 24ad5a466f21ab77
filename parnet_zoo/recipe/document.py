"""A YAML text as plain data, with the position of every key and value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import yaml

from parnet_zoo.recipe.environment import MARK, Unresolved, is_reference, resolved
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.scalars import resolve_scalar
from parnet_zoo.recipe.source_file import position
from registry.field_path import FieldPath, dotted

DEEPEST = 12
"""Nesting levels; a recipe has four."""
LONGEST_TAG = 40
"""Characters of a tag that a message shows."""

Position = tuple[int, int]
"""Line and column, both from 1."""

_VARIABLE_IN_FLOW = (
    "between brackets, ${NAME} needs quotes, which make it a text; for any other value, write the"
    " list or section on lines of its own"
)
_BLOCKS = frozenset({"|", ">"})
_BROKEN = object()  # stands for a value that was reported already


@dataclass(frozen=True)
class Document:
    """What one YAML text says.

    Attributes:
        name: What messages call the text.
        data: Mappings, lists, and scalars by YAML 1.2's core schema; None for an empty text. An
            `Unresolved` stands where an environment variable cannot be had.
        keys: Position of the key of every mapping entry.
        values: Position of every value, the whole text's under `()`.
        problems: Mistakes that the text's form has: keys given twice, aliases, tags.
        broken: Fields left out of `data` because of such a mistake.
    """

    name: str
    data: Any = None
    keys: dict[FieldPath, Position] = field(default_factory=dict)
    values: dict[FieldPath, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[FieldPath] = field(default_factory=set)

    def position(self, path: FieldPath) -> Position:
        """Where the value at `path` stands; where it is missing, the key of what should hold it."""
        if path in self.values:
            return self.values[path]
        while path:
            path = path[:-1]
            if path in self.keys:
                return self.keys[path]
        return self.values.get((), (1, 1))

    def key_position(self, path: FieldPath) -> Position:
        """Where the key of `path` stands."""
        return self.keys.get(path) or self.position(path)


def parse_document(text: str, name: str, environment: Mapping[str, str] | None = None) -> Document:
    """Read a YAML text without building any object but dicts, lists, strings and numbers.

    Args:
        text: YAML, one document.
        name: What messages call it.
        environment: Variables that plain and quoted scalars can name, as `${NAME}`; by default they
            name none, and are taken as they stand.

    Raises:
        RecipeError: The text is not YAML, is nested too deeply, or has more than one document.
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line, column = position(text, error.position)
        message = f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise RecipeError([Problem(line, column, name, "", message)]) from None
    try:
        return _Reader(name, loader, environment).read()
    except yaml.MarkedYAMLError as error:
        what = " ".join(part for part in (error.problem, error.context) if part)
        mark = error.problem_mark or loader.get_mark()
        if environment is not None and _is_at_variable(text, mark):
            what = _VARIABLE_IN_FLOW
    except (ValueError, OverflowError):
        # PyYAML lets chr() and int() fail on "\\UFFFFFFFF" and on a version of 5,000 digits.
        what, mark = "a number is too large", loader.get_mark()
    raise RecipeError([_syntax_problem(name, what, _place(mark))])


def parse_value(text: str, name: str) -> Any:
    """A value that stands alone: lists, sections and quotes as in YAML, the rest one scalar.

    So `a: b # c` is a text.

    Args:
        text: Without spaces around it.
        name: What messages call it.

    Raises:
        RecipeError: It is not YAML, or has aliases, tags, or keys given twice.
    """
    if text[:1] not in {"[", "{", '"', "'"}:
        return resolve_scalar(text)
    document = parse_document(text, name)
    if document.problems:
        raise RecipeError(document.problems)
    return document.data


class _Reader:
    """Turns PyYAML's events, which come one by one, into a `Document`."""

    def __init__(
        self, name: str, loader: yaml.SafeLoader, environment: Mapping[str, str] | None
    ) -> None:
        self._next: Callable[[], yaml.Event] = loader.get_event
        self._document = Document(name)
        self._environment = environment

    def read(self) -> Document:
        self._next()  # start of the stream
        if isinstance(self._next(), yaml.DocumentStartEvent):
            root = self._value(self._next(), ())
            self._next()  # end of the document
            if isinstance(second := self._next(), yaml.DocumentStartEvent):
                raise self._fatal(second, (), "a second document begins; keep one to a file")
            if root is not _BROKEN:
                return replace(self._document, data=root)
        return self._document

    def _value(self, event: yaml.Event, path: FieldPath) -> Any:
        self._document.values[path] = _place(event.start_mark)
        if len(path) > DEEPEST:
            raise self._fatal(event, path[:2], f"nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._broken(event, path, "aliases (*name) are not allowed; write the value out")
        value = self._content(event, path)
        tag = getattr(event, "tag", None)
        if tag is not None:
            return self._broken(event, path, f"tags ({_short(tag)}) are not allowed; remove it")
        return value

    def _content(self, event: yaml.Event, path: FieldPath) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event)

    def _scalar(self, event: Any) -> Any:
        """A scalar event's value; PyYAML's stubs have no attributes for it."""
        plain, _ = event.implicit
        text = str(event.value)
        if self._environment is not None and MARK in text and event.style not in _BLOCKS:
            return _from_environment(text, self._environment, plain=plain)
        return resolve_scalar(text) if plain else text

    def _sequence(self, path: FieldPath) -> Any:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return _BROKEN if any(item is _BROKEN for item in items) else items

    def _mapping(self, path: FieldPath) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                self._problem(event, path, "a key is one plain word")
                self._skip(event)
                self._skip(self._next())
                continue
            # Whatever it would mean as a value: as keys, `on` and `1` are just names.
            inner = (*path, str(event.value))
            if first := self._document.keys.get(inner):
                self._problem(event, inner, _given_twice(first, _place(event.start_mark)))
                self._skip(self._next())
                continue
            self._document.keys[inner] = _place(event.start_mark)
            value = self._value(self._next(), inner)
            if value is not _BROKEN:
                entries[str(event.value)] = value
        return entries

    def _skip(self, event: yaml.Event) -> None:
        """Read over one value, however deep."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if not depth:
                return
            event = self._next()

    def _problem(self, event: yaml.Event, path: FieldPath, message: str) -> None:
        line, column = _place(event.start_mark)
        self._document.problems.append(
            Problem(line, column, self._document.name, dotted(path), message)
        )

    def _broken(self, event: yaml.Event, path: FieldPath, message: str) -> object:
        self._problem(event, path, message)
        self._document.broken.add(path)
        return _BROKEN

    def _fatal(self, event: yaml.Event, path: FieldPath, message: str) -> RecipeError:
        self._problem(event, path, message)
        return RecipeError(self._document.problems)


def _from_environment(text: str, environment: Mapping[str, str], *, plain: bool) -> Any:
    """The value as if it stood there in the file; in quotes it is always a text."""
    value = resolved(text, environment)
    if isinstance(value, Unresolved) or not plain:
        return value
    if not is_reference(text):
        return resolve_scalar(value)
    try:
        return parse_value(value.strip(), text)
    except RecipeError:
        # The value itself is not shown: it may be a secret.
        return Unresolved(
            f"what {text} stands for is no value in YAML; put {text} in quotes to take it as a text"
        )


class _Mark(Protocol):
    """What PyYAML's two kinds of mark have in common."""

    line: int
    column: int


def _place(mark: _Mark | None) -> Position:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _is_at_variable(text: str, mark: _Mark) -> bool:
    """Whether the parser stumbled over a `${` between brackets."""
    line = text.splitlines()[mark.line : mark.line + 1]
    return bool(line) and line[0][max(0, mark.column - 1) :].startswith(MARK)


def _short(tag: str) -> str:
    tag = tag.replace("tag:yaml.org,2002:", "!!", 1)
    return ascii(tag if len(tag) <= LONGEST_TAG else tag[:LONGEST_TAG] + "...")[1:-1]


def _given_twice(first: Position, second: Position) -> str:
    return (
        f"given twice, at {first[0]}:{first[1]} and at {second[0]}:{second[1]}; keep one of the two"
    )


def _syntax_problem(name: str, what: str, place: Position) -> Problem:
    if "'\\t'" in what:
        what = "a tab stands where YAML wants spaces"
    return Problem(*place, name, "", f"not valid YAML: {' '.join(what.split())}")
